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


# --- the manner of public feeds: our own words in the shape in which each of them writes ------------------------------


def feed(head: str, *infos: str, prefix: str = "", root: str = "") -> bytes:
    opening = f'<alert xmlns="{SPACE}"{root}>' if not prefix else f'<{prefix}:alert xmlns:{prefix}="{SPACE}"{root}>'
    closing = "</alert>" if not prefix else f"</{prefix}:alert>"
    declared = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    return f"{declared}\n{opening}\n{head}{''.join(infos)}\n{closing}\n".encode()


METEO = feed(
    """  <identifier>2.49.0.0.056.0.BE.261126080000.0001</identifier>
  <sender>weather@institute.example.be</sender>
  <sent>2026-11-26T08:00:00+01:00</sent>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
""",
    *(
        f"""  <info>
    <language>{language}</language>
    <category>Met</category>
    <event>{words}</event>
    <responseType>Monitor</responseType>
    <urgency>Future</urgency>
    <severity>Moderate</severity>
    <certainty>Likely</certainty>
    <effective>2026-11-26T08:00:00+01:00</effective>
    <onset>2026-11-26T18:00:00+01:00</onset>
    <expires>2026-11-27T06:00:00+01:00</expires>
    <senderName>Institute</senderName>
    <headline>{words}</headline>
    <description>{words} 80 km/h.</description>
    <instruction>Let op.</instruction>
    <web>https://institute.example.be</web>
    <parameter><valueName>awareness_level</valueName><value>2; yellow; Moderate</value></parameter>
    <area><areaDesc>Antwerpen</areaDesc><geocode><valueName>NUTS3</valueName><value>BE211</value></geocode></area>
  </info>
"""
        for language, words in (("nl-BE", "Wind"), ("fr-BE", "Vent"), ("de-BE", "Wind"), ("en-GB", "Wind"))
    ),
)
"""As European weather services do: four languages, instructions, geocodes of a region."""

BROADCAST = feed(
    """  <identifier>NL-ALERT-118</identifier><sender>alert@authority.example.nl</sender>
  <sent>2026-11-26T09:00:00+01:00</sent><status>Actual</status><msgType>Alert</msgType>
  <source>meldkamer</source><scope>Public</scope><code>profile:1.0</code><note>oefenregel</note>
""",
    """  <info><language>nl-NL</language><category>Safety</category><event>Brand</event>
    <responseType>Shelter</responseType><urgency>Immediate</urgency><severity>Extreme</severity><certainty>Observed</certainty>
    <expires>2026-11-26T10:00:00+01:00</expires>
    <description><![CDATA[Grote brand. Blijf binnen & sluit ramen.]]></description>
    <area><areaDesc>Essen</areaDesc><polygon>51.45,4.44 51.49,4.44 51.49,4.52 51.45,4.44</polygon>
      <altitude>0</altitude><ceiling>100</ceiling></area></info>
""",
)
"""As cell broadcast is fed: one language, no instruction, a polygon."""

AGGREGATED = feed(
    """<c:identifier>urn:oid:2.49.0.1.124.1</c:identifier><c:sender>feed@example.ca</c:sender>
<c:sent>2026-11-26T03:00:00-05:00</c:sent><c:status>Actual</c:status><c:msgType>Update</c:msgType>
<c:source>Env. Can.</c:source><c:scope>Public</c:scope><c:code>profile:CAP-CP:0.4</c:code>
<c:references>feed@example.ca,urn:oid:2.49.0.1.124.0,2026-11-26T02:00:00-05:00</c:references>
""",
    """<c:info><c:language>en-CA</c:language><c:category>Met</c:category><c:event>snowfall</c:event>
<c:urgency>Future</c:urgency><c:severity>Moderate</c:severity><c:certainty>Likely</c:certainty>
<c:eventCode><c:valueName>profile:CAP-CP:Event:0.4</c:valueName><c:value>snowfall</c:value></c:eventCode>
<c:expires>2026-11-26T12:00:00-05:00</c:expires><c:headline>snowfall warning</c:headline>
<c:description>
Snow.
</c:description>
<c:area><c:areaDesc>Ottawa</c:areaDesc><c:polygon>45.1,-75.9 45.5,-75.9 45.5,-75.4 45.1,-75.9</c:polygon>
<c:geocode><c:valueName>profile:CAP-CP:Location:0.3</c:valueName><c:value>3506</c:value></c:geocode></c:area></c:info>
""",
    prefix="c",
    root=' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x y.xsd"',
)
"""As aggregators write: a prefix, an OID, a profile's codes, an earlier message."""

OLDER = BROADCAST.replace(b"cap:1.2", b"cap:1.1")
"""As some countries still do: CAP 1.1."""

KILOMETRES = BROADCAST.replace(
    b"<polygon>51.45,4.44 51.49,4.44 51.49,4.52 51.45,4.44</polygon>", b"<circle>51.47,4.48 3.0</circle>"
).replace(b"<note>oefenregel</note>", b"<restriction/><addresses/><incidents>a b</incidents>")
"""As others do: a circle, and empty elements for what they leave out."""
