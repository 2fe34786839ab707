"""The configuration file: `config/klaroen.toml` tells every key of it."""

from klaroen.configuration.loading import ConfigurationFaults, load_settings, settings_from
from klaroen.configuration.tables import Fault

__all__ = ["ConfigurationFaults", "Fault", "load_settings", "settings_from"]
