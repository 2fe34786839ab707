"""CAP 1.2 messages, whole and in parts: our own, and two examples of the specification's appendix A."""

from html import escape

NOW_MS = 1_795_680_000_000  # 2026-11-26T08:00:00Z
SPACE = "urn:oasis:names:tc:emergency:cap:1.2"
GENT = "51.05,3.70 51.10,3.70 51.10,3.78 51.05,3.70"


def area(inner: str = f"<polygon>{GENT}</polygon>") -> str:
    return f"<area><areaDesc>Gent</areaDesc>{inner}</area>"


def info(
    description: str | None = "Sluit ramen en deuren.",
    *,
    language: str | None = "nl-BE",
    areas: str | None = None,
    expires: str | None = "2026-11-26T11:00:00+01:00",
    more: str = "",
) -> str:
    said = [] if language is None else [f"<language>{language}</language>"]
    said += [
        "<category>Safety</category><event>Brand</event><urgency>Immediate</urgency><severity>Severe</severity>",
        "<certainty>Observed</certainty>",
    ]
    said += [] if expires is None else [f"<expires>{expires}</expires>"]
    said += [] if description is None else [f"<description>{written(description)}</description>"]
    return f"<info>{''.join(said)}{more}{area() if areas is None else areas}</info>"


def written(text: str) -> str:
    """Return the text as XML carries it: a CR only survives as a reference."""
    return escape(text, quote=False).replace("\r", "&#13;")


def message(
    *infos: str,
    kind: str = "Alert",
    status: str = "Actual",
    identifier: str = "BE-2026-118",
    sender: str = "crisis.example.be",
    sent: str = "2026-11-26T09:00:00+01:00",
    scope: str = "Public",
    references: str = "",
    more: str = "",
) -> bytes:
    head = (
        f"<identifier>{identifier}</identifier><sender>{sender}</sender><sent>{sent}</sent><status>{status}</status>"
        f"<msgType>{kind}</msgType>{more}<scope>{scope}</scope>"
    )
    if references:
        head += f"<references>{references}</references>"
    body = "".join(infos or (info(),))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<alert xmlns="{SPACE}">{head}{body}</alert>'.encode()


HOMELAND = b"""<?xml version = "1.0" encoding = "UTF-8"?>
<alert xmlns = "urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>43b080713727</identifier>
  <sender>hsas@dhs.gov</sender>
  <sent>2003-04-02T14:39:01-05:00</sent>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <info>
    <category>Security</category>
    <event>Homeland Security Advisory System Update</event>
    <urgency>Immediate</urgency>
    <severity>Severe</severity>
    <certainty>Likely</certainty>
    <senderName>U.S. Government, Department of Homeland Security</senderName>
    <headline>Homeland Security Sets Code ORANGE</headline>
    <description>The Department of Homeland Security has elevated the threat level to ORANGE / High.</description>
    <instruction> A High Condition is declared when there is a high risk of terrorist attacks.</instruction>
    <web>http://www.dhs.gov/dhspublic/display?theme=29</web>
    <parameter><valueName>HSAS</valueName><value>ORANGE</value></parameter>
    <resource><resourceDesc>Image file (GIF)</resourceDesc><mimeType>image/gif</mimeType>
      <uri>http://www.dhs.gov/dhspublic/getAdvisoryImage</uri></resource>
    <area><areaDesc>U.S. nationwide and interests worldwide</areaDesc></area>
  </info>
</alert>
"""
"""CAP 1.2, appendix A.1, its texts shortened."""

EARTHQUAKE = b"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>TRI13970876.2</identifier>
  <sender>trinet@caltech.edu</sender>
  <sent>2003-06-11T20:56:00-07:00</sent>
  <status>Actual</status>
  <msgType>Update</msgType>
  <scope>Public</scope>
  <references>trinet@caltech.edu,TRI13970876.1,2003-06-11T20:30:00-07:00</references>
  <info>
    <category>Geo</category>
    <event>Earthquake</event>
    <urgency>Past</urgency>
    <severity>Minor</severity>
    <certainty>Observed</certainty>
    <senderName>Southern California Seismic Network (TriNet) operated by Caltech and USGS</senderName>
    <headline>EQ 3.4 Imperial County CA</headline>
    <description>A minor earthquake measuring 3.4 on the Richter scale occurred near Brawley, California.</description>
    <web>http://www.trinet.org/scsn/scsn.html</web>
    <parameter><valueName>EventID</valueName><value>13970876</value></parameter>
    <area><areaDesc>1 mi. WSW of Brawley, CA</areaDesc><circle>32.9525,-115.5527 0</circle></area>
  </info>
</alert>
"""
"""CAP 1.2, appendix A.3, its parameters shortened."""
