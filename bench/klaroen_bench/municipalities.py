"""Belgian municipalities, by police zone: where the seeded country's networks lie.

Law: names are real, places are approximate (two decimals, a kilometre or so), and nothing here is anyone's contact.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple


class Municipality(NamedTuple):
    name: str
    province: str
    region: str
    zone: str
    languages: tuple[str, ...]
    lon: float
    lat: float


_REGIONS: Final = {
    "Antwerpen": ("Vlaanderen", "nl"),
    "Vlaams-Brabant": ("Vlaanderen", "nl"),
    "Oost-Vlaanderen": ("Vlaanderen", "nl"),
    "West-Vlaanderen": ("Vlaanderen", "nl"),
    "Limburg": ("Vlaanderen", "nl"),
    "Brabant wallon": ("Wallonie", "fr"),
    "Hainaut": ("Wallonie", "fr"),
    "Liège": ("Wallonie", "fr"),
    "Luxembourg": ("Wallonie", "fr"),
    "Namur": ("Wallonie", "fr"),
    "Brussel": ("Brussel", "nl,fr"),
}
"""Region and language regime of each province; Brussels belongs to none and stands for itself."""

_REGIMES: Final = {
    "nl,fr": "Bever Drogenbos Herstappe Kraainem Linkebeek Mesen Ronse Sint-Genesius-Rode Spiere-Helkijn Voeren Wemmel "
    "Wezembeek-Oppem",
    "fr,nl": "Comines-Warneton Enghien Flobecq Mouscron",
    "fr,de": "Malmedy Waimes",
    "de,fr": "Amel Büllingen Burg-Reuland Bütgenbach Eupen Kelmis Lontzen Raeren Sankt&Vith",
}
"""Municipalities with a regime of their own: those with facilities, and the German-speaking ones."""

# Province: zone = name lon lat, …  ("&" stands for a space within a name)
_TABLE: Final = """
Antwerpen
Antwerpen = Antwerpen 4.40 51.22
Grens = Essen 4.47 51.47, Kalmthout 4.48 51.38, Wuustwezel 4.59 51.39
Noord = Kapellen 4.43 51.31, Stabroek 4.37 51.33
Voorkempen = Brecht 4.64 51.35, Malle 4.69 51.30, Schilde 4.58 51.24, Zoersel 4.70 51.27
Brasschaat = Brasschaat 4.49 51.29
Schoten = Schoten 4.50 51.25
Minos = Mortsel 4.46 51.17, Boechout 4.50 51.16, Wijnegem 4.52 51.23, Wommelgem 4.52 51.20
Hekla = Hove 4.47 51.15, Edegem 4.44 51.15, Kontich 4.45 51.13, Lint 4.49 51.13, Aartselaar 4.38 51.13
Rupel = Boom 4.37 51.09, Hemiksem 4.34 51.14, Niel 4.33 51.11, Rumst 4.42 51.08, Schelle 4.34 51.13
Zara = Ranst 4.55 51.19, Zandhoven 4.66 51.21
Mechelen-Willebroek = Mechelen 4.48 51.03, Willebroek 4.36 51.06
Klein-Brabant = Bornem 4.24 51.10, Puurs-Sint-Amands 4.29 51.07
Bodukap = Bonheiden 4.55 51.02, Duffel 4.51 51.10, Putte 4.63 51.05, Sint-Katelijne-Waver 4.53 51.07
Lier = Lier 4.57 51.13
Berlaar-Nijlen = Berlaar 4.66 51.12, Nijlen 4.67 51.16
Heist = Heist-op-den-Berg 4.73 51.08
Regio&Turnhout = Turnhout 4.95 51.32, Oud-Turnhout 4.98 51.32, Beerse 4.86 51.32, Vosselaar 4.89 51.31
Noorderkempen = Hoogstraten 4.76 51.40, Merksplas 4.86 51.36, Rijkevorsel 4.76 51.35
Kempen&N-O = Arendonk 5.08 51.32, Ravels 4.99 51.37, Retie 5.08 51.27
Geel-Laakdal-Meerhout = Geel 4.99 51.16, Laakdal 5.00 51.08, Meerhout 5.08 51.13
Balen-Dessel-Mol = Balen 5.17 51.17, Dessel 5.11 51.24, Mol 5.12 51.19
Neteland = Herentals 4.84 51.18, Grobbendonk 4.74 51.19, Olen 4.86 51.14, Vorselaar 4.77 51.20
Zuiderkempen = Westerlo 4.92 51.09, Herselt 4.88 51.05, Hulshout 4.79 51.07
Vlaams-Brabant
Leuven = Leuven 4.70 50.88
Dijleland = Bertem 4.63 50.86, Huldenberg 4.58 50.79, Oud-Heverlee 4.66 50.83
Druivenstreek = Hoeilaart 4.47 50.77, Overijse 4.53 50.77
Zaventem = Zaventem 4.47 50.88
WOKRA = Wezembeek-Oppem 4.49 50.84, Kraainem 4.47 50.86
Rode = Drogenbos 4.31 50.79, Linkebeek 4.34 50.77, Sint-Genesius-Rode 4.36 50.75
Kastze = Kampenhout 4.55 50.94, Steenokkerzeel 4.51 50.92, Zemst 4.46 50.98
VIMA = Vilvoorde 4.43 50.93, Machelen 4.44 50.91
Grimbergen = Grimbergen 4.37 50.93
AMOW = Asse 4.20 50.91, Merchtem 4.23 50.96, Opwijk 4.18 50.97, Wemmel 4.31 50.91
TARL = Ternat 4.17 50.87, Affligem 4.11 50.91, Roosdaal 4.08 50.84, Liedekerke 4.08 50.87
Dilbeek = Dilbeek 4.26 50.85
Pajottenland = Bever 3.94 50.72, Galmaarden 3.97 50.75, Gooik 4.11 50.79, Lennik 4.15 50.81
Zennevallei = Halle 4.24 50.73, Beersel 4.30 50.76, Sint-Pieters-Leeuw 4.24 50.78
K-L-M = Kapelle-op-den-Bos 4.36 51.01, Londerzeel 4.30 51.01, Meise 4.33 50.93
HerKo = Herent 4.67 50.91, Kortenberg 4.54 50.89
Haacht = Haacht 4.64 50.98, Boortmeerbeek 4.57 50.98, Keerbergen 4.63 51.00
BRT = Begijnendijk 4.78 51.02, Rotselaar 4.71 50.95, Tremelo 4.71 50.99
Lubbeek = Lubbeek 4.84 50.88, Bierbeek 4.76 50.83, Holsbeek 4.76 50.92
Aarschot = Aarschot 4.83 50.99
Demerdal = Diest 5.05 50.98, Scherpenheuvel-Zichem 4.98 50.98
Hageland = Tielt-Winge 4.88 50.92, Kortenaken 5.06 50.91, Bekkevoort 4.97 50.94
Tienen-Hoegaarden = Tienen 4.94 50.81, Hoegaarden 4.89 50.78
Getevallei = Landen 5.08 50.75, Linter 5.05 50.83, Zoutleeuw 5.10 50.83
Oost-Vlaanderen
Gent = Gent 3.72 51.05
Deinze-Zulte-Lievegem = Deinze 3.53 50.98, Zulte 3.44 50.92, Lievegem 3.60 51.11
Schelde-Leie = De&Pinte 3.65 50.99, Gavere 3.66 50.93, Nazareth 3.60 50.96, Sint-Martens-Latem 3.64 51.01
Rhode&Schelde = Destelbergen 3.80 51.06, Melle 3.80 51.00, Merelbeke 3.75 50.99, Oosterzele 3.80 50.95
Regio&Puyenbroeck = Lochristi 3.83 51.10, Moerbeke 3.94 51.17, Wachtebeke 3.86 51.17, Zelzate 3.81 51.20
Assenede-Evergem = Assenede 3.75 51.23, Evergem 3.71 51.11
Meetjesland&Centrum = Eeklo 3.57 51.19, Kaprijke 3.62 51.22, Sint-Laureins 3.52 51.24
Maldegem = Maldegem 3.44 51.21
Aalter = Aalter 3.45 51.09
Lokeren = Lokeren 3.99 51.10
Waasland-Noord = Beveren 4.25 51.21, Sint-Gillis-Waas 4.12 51.22, Stekene 4.04 51.21
Kruibeke-Temse = Kruibeke 4.31 51.17, Temse 4.21 51.13
Sint-Niklaas = Sint-Niklaas 4.14 51.16
Hamme-Waasmunster = Hamme 4.14 51.10, Waasmunster 4.08 51.11
Berlare-Zele = Berlare 4.00 51.03, Zele 4.04 51.07
Buggenhout-Lebbeke = Buggenhout 4.20 51.01, Lebbeke 4.13 51.00
Dendermonde = Dendermonde 4.10 51.03
Wetteren-Laarne-Wichelen = Wetteren 3.88 51.00, Laarne 3.85 51.03, Wichelen 3.97 51.01
Aalst = Aalst 4.04 50.94
Erpe-Mere-Lede = Erpe-Mere 3.97 50.93, Lede 3.98 50.97
Denderleeuw-Haaltert = Denderleeuw 4.08 50.88, Haaltert 4.00 50.91
Ninove = Ninove 4.02 50.83
Geraardsbergen-Lierde = Geraardsbergen 3.88 50.77, Lierde 3.83 50.80
Zottegem-Herzele = Zottegem 3.81 50.87, Herzele 3.89 50.89, Sint-Lievens-Houtem 3.86 50.92
Brakel = Brakel 3.76 50.80, Maarkedal 3.65 50.80, Zwalm 3.73 50.87
Vlaamse&Ardennen = Oudenaarde 3.60 50.85, Kluisbergen 3.50 50.78, Kruisem 3.53 50.93
Ronse = Ronse 3.60 50.75
West-Vlaanderen
Brugge = Brugge 3.22 51.21
Blankenberge-Zuienkerke = Blankenberge 3.13 51.31, Zuienkerke 3.15 51.26
Damme-Knokke-Heist = Knokke-Heist 3.29 51.34, Damme 3.28 51.25
Het&Houtsche = Beernem 3.34 51.14, Oostkamp 3.24 51.15, Zedelgem 3.14 51.14
Kouter = Torhout 3.10 51.06, Gistel 2.97 51.16, Ichtegem 3.01 51.10, Jabbeke 3.09 51.18, Oudenburg 3.00 51.18
Oostende = Oostende 2.92 51.22
Bredene-De&Haan = Bredene 2.97 51.24, De&Haan 3.03 51.27
Middelkerke = Middelkerke 2.82 51.18
Spoorkin = Veurne 2.66 51.07, Alveringem 2.71 51.01
Westkust = De&Panne 2.59 51.10, Koksijde 2.64 51.12, Nieuwpoort 2.75 51.13
Polder = Diksmuide 2.86 51.03, Kortemark 3.04 51.03, Koekelare 2.98 51.09
Arro&Ieper = Ieper 2.89 50.85, Poperinge 2.73 50.86, Wervik 3.04 50.78, Mesen 2.90 50.77, Zonnebeke 2.99 50.87
Grensleie = Menen 3.12 50.80, Wevelgem 3.18 50.81, Ledegem 3.13 50.86
VLAS = Kortrijk 3.26 50.83, Kuurne 3.28 50.85, Lendelede 3.24 50.89
Gavers = Harelbeke 3.31 50.86, Deerlijk 3.35 50.85
MIRA = Waregem 3.43 50.89, Anzegem 3.48 50.83, Avelgem 3.45 50.78, Zwevegem 3.34 50.81, Spiere-Helkijn 3.35 50.73
Midow = Ingelmunster 3.26 50.92, Meulebeke 3.29 50.95, Oostrozebeke 3.34 50.92, Wielsbeke 3.37 50.91
Regio&Tielt = Tielt 3.33 51.00, Wingene 3.27 51.06, Ardooie 3.20 50.97, Lichtervelde 3.14 51.03
RIHO = Roeselare 3.13 50.94, Izegem 3.21 50.91, Hooglede 3.08 50.98
Limburg
Limburg&Regio&Hoofdstad = Hasselt 5.34 50.93, Diepenbeek 5.42 50.91, Zonhoven 5.36 50.99, Lummen 5.19 50.99
CARMA = Genk 5.50 50.97, Bree 5.60 51.14, Houthalen-Helchteren 5.37 51.03, Oudsbergen 5.55 51.06, Kinrooi 5.74 51.15
Lanaken-Maasmechelen = Lanaken 5.65 50.89, Maasmechelen 5.69 50.97
Maasland = Maaseik 5.79 51.10, Dilsen-Stokkem 5.72 51.03
Bilzen-Hoeselt-Riemst = Bilzen 5.52 50.87, Hoeselt 5.49 50.85, Riemst 5.60 50.81
Tongeren-Herstappe = Tongeren 5.46 50.78, Herstappe 5.43 50.73
Sint-Truiden-Gingelom-Nieuwerkerken = Sint-Truiden 5.19 50.82, Gingelom 5.13 50.75, Nieuwerkerken 5.19 50.86
Kanton&Borgloon = Borgloon 5.34 50.80, Alken 5.31 50.88, Wellen 5.34 50.84
HANO = Pelt 5.42 51.22, Hamont-Achel 5.55 51.25
Lommel = Lommel 5.31 51.23
Beringen-Ham-Tessenderlo = Beringen 5.22 51.05, Ham 5.17 51.08, Tessenderlo 5.09 51.07
Heusden-Zolder = Heusden-Zolder 5.28 51.03
Kempenland = Peer 5.46 51.13, Leopoldsburg 5.26 51.12, Hechtel-Eksel 5.37 51.13
Voeren = Voeren 5.78 50.75
Brabant wallon
Nivelles-Genappe = Nivelles 4.33 50.60, Genappe 4.45 50.61
Ottignies-Louvain-la-Neuve = Ottignies-Louvain-la-Neuve 4.57 50.67
Wavre = Wavre 4.61 50.72
La&Mazerine = La&Hulpe 4.48 50.73, Lasne 4.48 50.69, Rixensart 4.53 50.71
Waterloo = Waterloo 4.40 50.71
Braine-l'Alleud = Braine-l'Alleud 4.37 50.68
Ouest&Brabant&wallon = Tubize 4.20 50.69, Ittre 4.26 50.64, Rebecq 4.14 50.66
Ardennes&brabançonnes = Grez-Doiceau 4.70 50.74, Chaumont-Gistoux 4.72 50.68, Beauvechain 4.77 50.78
Brabant&wallon&Est = Jodoigne 4.87 50.72, Perwez 4.81 50.63
Orne-Thyle = Court-Saint-Etienne 4.57 50.64, Walhain 4.70 50.62
Hainaut
Charleroi = Charleroi 4.44 50.41
Mons-Quévy = Mons 3.95 50.45, Quévy 3.94 50.37
Tournaisis = Tournai 3.39 50.61, Antoing 3.45 50.57
Mouscron = Mouscron 3.21 50.74
Comines-Warneton = Comines-Warneton 3.00 50.77
La&Louvière = La&Louvière 4.19 50.48
Haute&Senne = Soignies 4.07 50.58, Braine-le-Comte 4.14 50.61, Ecaussinnes 4.17 50.56
Boraine = Saint-Ghislain 3.82 50.45, Frameries 3.90 50.41, Quaregnon 3.86 50.44
Ath = Ath 3.78 50.63
Collines = Lessines 3.83 50.71, Flobecq 3.74 50.74, Ellezelles 3.68 50.73
Sylle&et&Dendre = Enghien 4.04 50.69, Silly 3.92 50.65, Jurbise 3.91 50.53
Binche-Anderlues = Binche 4.17 50.41, Anderlues 4.27 50.41
Mariemont = Manage 4.24 50.50, Seneffe 4.26 50.53, Morlanwelz 4.24 50.46
Trieux = Courcelles 4.37 50.46, Fontaine-l'Evêque 4.32 50.41
Brunau = Fleurus 4.55 50.48, Pont-à-Celles 4.36 50.51
Germinalt = Gerpinnes 4.53 50.34, Thuin 4.29 50.34
Botha = Chimay 4.31 50.05, Beaumont 4.24 50.24
Liège
Liège = Liège 5.57 50.63
Seraing-Neupré = Seraing 5.51 50.60, Neupré 5.49 50.54
Herstal = Herstal 5.63 50.66
Beyne-Fléron-Soumagne = Fléron 5.68 50.62, Soumagne 5.75 50.61
Secova = Esneux 5.57 50.54, Chaudfontaine 5.63 50.59, Sprimont 5.66 50.51
Basse-Meuse = Visé 5.70 50.73, Oupeye 5.65 50.71, Blegny 5.72 50.67
Ans-Saint-Nicolas = Ans 5.52 50.66
Hesbaye = Waremme 5.26 50.70
Hesbaye&Ouest = Hannut 5.08 50.67, Braives 5.15 50.63
Huy = Huy 5.24 50.52
Vesdre = Verviers 5.86 50.59, Pepinster 5.81 50.57
Fagnes = Spa 5.87 50.49, Theux 5.81 50.53, Jalhay 5.97 50.56
Pays&de&Herve = Herve 5.79 50.64, Aubel 5.86 50.70
Stavelot-Malmedy = Malmedy 6.03 50.43, Stavelot 5.93 50.39, Waimes 6.11 50.41
Weser-Göhl = Eupen 6.04 50.63, Kelmis 6.01 50.71, Lontzen 6.01 50.68, Raeren 6.11 50.67
Eifel = Sankt&Vith 6.13 50.28, Amel 6.17 50.35, Büllingen 6.26 50.41, Burg-Reuland 6.14 50.20, Bütgenbach 6.21 50.43
Luxembourg
Sud-Luxembourg = Arlon 5.82 49.68, Aubange 5.81 49.57, Messancy 5.82 49.59
Gaume = Virton 5.53 49.57, Florenville 5.31 49.70
Centre-Ardenne = Bastogne 5.72 50.00, Libramont-Chevigny 5.38 49.92, Neufchâteau 5.43 49.84
Famenne-Ardenne = Marche-en-Famenne 5.34 50.23, Durbuy 5.46 50.35, Vielsalm 5.91 50.28
Semois&et&Lesse = Bouillon 5.07 49.79, Bertrix 5.25 49.85
Namur
Namur&Capitale = Namur 4.87 50.47
Samsom = Sambreville 4.62 50.44, Sombreffe 4.60 50.53
Orneau-Mehaigne = Gembloux 4.69 50.56, Eghezée 4.91 50.59, La&Bruyère 4.80 50.53
Entre&Sambre&et&Meuse = Profondeville 4.87 50.38, Mettet 4.66 50.32
Arches = Andenne 5.10 50.49, Gesves 5.07 50.40
Condroz-Famenne = Ciney 5.10 50.30, Hamois 5.16 50.34
Haute-Meuse = Dinant 4.91 50.26, Yvoir 4.88 50.33
Lesse&et&Lhomme = Rochefort 5.22 50.16
Flowal = Florennes 4.60 50.25, Walcourt 4.43 50.25
Brussel
Brussel&Hoofdstad&Elsene = Brussel 4.35 50.85, Elsene 4.37 50.82
Brussel-West = Sint-Jans-Molenbeek 4.32 50.85, Jette 4.32 50.88, Ganshoren 4.31 50.87, Koekelberg 4.33 50.86
Zuid = Anderlecht 4.30 50.83, Vorst 4.32 50.81, Sint-Gillis 4.35 50.83
Marlow = Ukkel 4.34 50.80, Watermaal-Bosvoorde 4.41 50.80, Oudergem 4.43 50.82
Montgomery = Etterbeek 4.39 50.83, Sint-Lambrechts-Woluwe 4.43 50.84, Sint-Pieters-Woluwe 4.45 50.83
Polbruno = Schaarbeek 4.38 50.87, Evere 4.40 50.87, Sint-Joost-ten-Node 4.37 50.85
"""


def _read() -> Iterator[Municipality]:
    own_regime = {name: regime for regime, names in _REGIMES.items() for name in names.split()}
    province = region = regime = ""
    for line in _TABLE.split("\n"):
        zone, equals, places = line.partition(" = ")
        if not equals:
            province = line
            region, regime = _REGIONS.get(line, ("", ""))
            continue
        for place in places.split(", "):
            name, lon, lat = place.split()
            languages = tuple(own_regime.get(name, regime).split(","))
            yield Municipality(_spaced(name), province, region, _spaced(zone), languages, float(lon), float(lat))


def _spaced(name: str) -> str:
    return name.replace("&", " ")


MUNICIPALITIES: Final = tuple(_read())
