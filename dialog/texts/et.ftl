## Consent

consent-title = Veebileht küsib ligipääsu
consent-heading = Kas lubada sellel veebilehel kasutada teie kiipkaarte ja tokeneid?
consent-grants = Kui lubate, saab veebileht kuni { $date } ({ $days ->
    [one] { $days } päev
   *[other] { $days } päeva
}):
consent-grant-read = näha ühendatud tokeneid ja nende sertifikaate koos nimedega;
consent-grant-sign = paluda teilt allkirju. Enamik tokeneid nõuab selleks PIN-koodi.
consent-allow = Luba
consent-deny = Keela
consent-block = Blokeeri see veebileht
consent-block-explanation = Keelab ligipääsu ega küsi selle veebilehe kohta enam kunagi.
consent-type-allow = Veebilehe lubamiseks tippige { $digits }.
consent-type-block = Veebilehe blokeerimiseks tippige { $digits }.

## Warnings about the name of a site

site-insecure = Ühendus selle veebilehega ei ole krüpteeritud (http://). Teised võrgus võivad lugeda ja muuta, mida see teeb.
site-punycode = Selle nime tähed võivad sarnaneda teiste tähtedega. Brauserid kirjutavad selle ka kujul { $name }. Veenduge, et see on õige veebileht.

## PIN

pin-title = Vaja on PIN-koodi
pin-heading-sign = Allkirjastamiseks sisestage PIN-kood
pin-heading-batch = { $count ->
    [one] Sisestage PIN-kood { $count } allkirja andmiseks
   *[other] Sisestage PIN-kood { $count } allkirja andmiseks
}
pin-heading-one-of = Sisestage PIN-kood allkirja { $number }/{ $count } andmiseks
pin-heading-authenticate = Sisselogimiseks sisestage PIN-kood
pin-heading-list = Sertifikaatide näitamiseks sisestage PIN-kood
pin-heading-list-keys = Võtmete näitamiseks sisestage PIN-kood
pin-label = PIN-kood
pin-sign = Allkirjasta
pin-log-in = Logi sisse
pin-cancel = Katkesta

row-site = Veebileht
row-token = Token
row-certificate = Sertifikaat
row-key = Sertifikaadita võti
row-document = Dokument
row-documents = Dokumendid
row-to-sign = Allkirjastatakse
row-to-log-in = Sisselogimiseks
document-size = { $name } ({ $size })
document-claim = Nii väidab veebileht. Siin ei saa seda kontrollida.
documents-more = { $count ->
    [one] ja veel { $count }
   *[other] ja veel { $count }
}
size-bytes = { $size ->
    [one] { $size } bait
   *[other] { $size } baiti
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = { $algorithm }-räsi
data-message = { $size ->
    [one] { $size } baidi pikkune sõnum, mille SHA-256-räsi on järgmine
   *[other] { $size } baidi pikkune sõnum, mille SHA-256-räsi on järgmine
}
data-hashes = { $count ->
    [one] { $count } { $algorithm }-räsi
   *[other] { $count } { $algorithm }-räsi
}
data-messages = { $count ->
    [one] { $count } sõnum
   *[other] { $count } sõnumit
}
data-authenticate = Tõend sellele veebilehele, kes te olete. Midagi muud ei allkirjastata.

opens-signature = PIN-kood kehtib ainult selle allkirja jaoks.
opens-batch = { $count ->
    [one] PIN-kood kehtib ainult selle allkirja jaoks.
   *[other] PIN-kood kehtib ainult nende { $count } allkirja jaoks.
}
opens-login = Selle sertifikaadiga saab veebileht seejärel küsimata veel allkirjastada. See lõpeb { $minutes } minuti pärast või pärast { $idle } minutit ilma allkirjata.
opens-login-key = Selle võtmega saab veebileht seejärel küsimata veel allkirjastada. See lõpeb { $minutes } minuti pärast või pärast { $idle } minutit ilma allkirjata.
opens-reading = Veebileht saab seejärel lugeda kõiki tokenil olevaid sertifikaate. Selle PIN-koodiga ei allkirjasta ta midagi.
opens-reading-keys = Veebileht saab seejärel näha, millised võtmed tokenil on. Selle PIN-koodiga ei allkirjasta ta midagi.

tries-low = Varem sisestati vale PIN-kood. Veel mõne vea järel token lukustub.
tries-fewer = Veel mõne vea järel token lukustub.
tries-left = { $tries ->
    [one] Enne tokeni lukustumist on jäänud { $tries } katse.
   *[other] Enne tokeni lukustumist on jäänud { $tries } katset.
}
tries-final = Viimane katse: kui see PIN-kood on vale, siis token lukustub.

problem-wrong = PIN-kood oli vale.
problem-not-accepted = Token ei võta sellist PIN-koodi vastu. Selle pikkus või märgid ei sobi.
problem-changed = Token on vahepeal muutunud. PIN-koodi ei saadetud. Sisestage see uuesti.
problem-too-fast = See tipiti enne, kui jõudsite seda akent lugeda, ja visati seetõttu ära. Sisestage PIN-kood uuesti.
problem-short = { $min ->
    [one] See PIN-kood on lühike: tokeni teatel on miinimum { $min } märk. Kas saata siiski?
   *[other] See PIN-kood on lühike: tokeni teatel on miinimum { $min } märki. Kas saata siiski?
}
problem-long = { $max ->
    [one] See PIN-kood on pikk: tokeni teatel on maksimum { $max } märk. Kas saata siiski?
   *[other] See PIN-kood on pikk: tokeni teatel on maksimum { $max } märki. Kas saata siiski?
}
pin-send-anyway = Saada siiski
pin-change = Muuda
pin-confirm = PIN-koodi sisestamiseks tippige kõigepealt { $digits }.

## Keypad of a reader

pinpad-heading = Sisestage PIN-kood kaardilugejal
pinpad-text = Lugejal on oma klahvistik. See arvuti ei näe PIN-koodi.
hide = Peida

## Progress of a batch

progress-title = Allkirjastamine
progress-heading = Antud allkirju: { $done } / { $count }
progress-bar = Edenemine
progress-stop = Peata

## The window

wait = Klahvid ja klõpsud hakkavad hetke pärast toimima.
wait-focus = Siia tippimiseks klõpsake kõigepealt selles aknas.
digits-label = Numbrid
digits-wrong = Need olid teised numbrid. Tippige uued.

## Notifications on the desktop

login-title = { $site } saab allkirjastada
login-signatures = { $count ->
    [one] { $count } allkiri pärast PIN-koodi sisestamist.
   *[other] { $count } allkirja pärast PIN-koodi sisestamist.
}
login-certificate = Sertifikaat: { $name }
login-key = Sertifikaadita võti: { $name }
login-ends = Sisselogimine lõpeb, kui { $idle } jooksul ei anta allkirja, hiljemalt { $longest } pärast PIN-koodi.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = Teise kasutaja programm hoiab pkcs11-bridge’i porti
port-text = Teise kasutaja programm hoiab porti { $port } (kasutaja { $user }, programm { $program }). Bridge kasutab porti { $own }. Kui te seda arvutit kellegagi ei jaga, küsige selle haldurilt.
port-unknown-program = teadmata

## Pinentry and terminal

plain-consent = Lubamiseks tippige { $allow }. Selle veebilehe blokeerimiseks tippige { $block }. Tühi vastus keelab.
plain-digits-prompt = Numbrid:
plain-pin-prompt = PIN-kood:
plain-pin-empty = Tühi PIN-kood katkestab.
plain-send-anyway = Saatmiseks tippige { $digits }.

## Dates

date = { $day }. { $month ->
    [1] jaanuarini
    [2] veebruarini
    [3] märtsini
    [4] aprillini
    [5] maini
    [6] juunini
    [7] juulini
    [8] augustini
    [9] septembrini
    [10] oktoobrini
    [11] novembrini
   *[12] detsembrini
} { $year }
