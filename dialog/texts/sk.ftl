## Consent

consent-title = Stránka žiada o prístup
consent-heading = Povoliť tejto stránke používať vaše čipové karty a tokeny?
consent-grants = Ak to povolíte, do { $date } ({ $days ->
    [one] { $days } deň
    [few] { $days } dni
   *[other] { $days } dní
}) bude stránka môcť:
consent-grant-read = vidieť pripojené tokeny a ich certifikáty aj s menami, ktoré obsahujú;
consent-grant-sign = žiadať vás o podpisy. Väčšina tokenov na ne vyžaduje PIN kód.
consent-allow = Povoliť
consent-deny = Zamietnuť
consent-block = Zablokovať túto stránku
consent-block-explanation = Zamietne prístup a na túto stránku sa už nikdy nespýta.
consent-type-allow = Ak chcete stránku povoliť, napíšte { $digits }.
consent-type-block = Ak chcete stránku zablokovať, napíšte { $digits }.

## Warnings about the name of a site

site-insecure = Spojenie s touto stránkou nie je šifrované (http://). Iní v sieti môžu čítať a meniť to, čo robí.
site-punycode = Písmená v tomto názve sa môžu podobať na iné. Prehliadače ho píšu aj ako { $name }. Overte, či je to stránka, ktorú chcete.

## PIN

pin-title = Je potrebný PIN kód
pin-heading-sign = Na podpísanie zadajte PIN kód
pin-heading-batch = { $count ->
    [one] Zadajte PIN kód na { $count } podpis
    [few] Zadajte PIN kód na { $count } podpisy
   *[other] Zadajte PIN kód na { $count } podpisov
}
pin-heading-one-of = Zadajte PIN kód na podpis { $number } z { $count }
pin-heading-authenticate = Na prihlásenie zadajte PIN kód
pin-heading-list = Na zobrazenie certifikátov zadajte PIN kód
pin-heading-list-keys = Na zobrazenie kľúčov zadajte PIN kód
pin-label = PIN kód
pin-sign = Podpísať
pin-log-in = Prihlásiť sa
pin-cancel = Zrušiť

row-site = Stránka
row-token = Token
row-certificate = Certifikát
row-key = Kľúč bez certifikátu
row-document = Dokument
row-documents = Dokumenty
row-to-sign = Na podpis
row-to-log-in = Na prihlásenie
document-size = { $name } ({ $size })
document-claim = Tvrdí to stránka. Tu sa to nedá overiť.
documents-more = { $count ->
    [one] a ešte { $count }
    [few] a ešte { $count }
   *[other] a ešte { $count }
}
size-bytes = { $size ->
    [one] { $size } bajt
    [few] { $size } bajty
   *[other] { $size } bajtov
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = Odtlačok { $algorithm }
data-message = { $size ->
    [one] Správa s dĺžkou { $size } bajt a s týmto odtlačkom SHA-256
    [few] Správa s dĺžkou { $size } bajty a s týmto odtlačkom SHA-256
   *[other] Správa s dĺžkou { $size } bajtov a s týmto odtlačkom SHA-256
}
data-hashes = { $count ->
    [one] { $count } odtlačok { $algorithm }
    [few] { $count } odtlačky { $algorithm }
   *[other] { $count } odtlačkov { $algorithm }
}
data-messages = { $count ->
    [one] { $count } správa
    [few] { $count } správy
   *[other] { $count } správ
}
data-authenticate = Dôkaz pre túto stránku, kto ste. Nič iné sa nepodpíše.

opens-signature = PIN kód platí len pre tento podpis.
opens-batch = { $count ->
    [one] PIN kód platí len pre tento podpis.
    [few] PIN kód platí len pre tieto { $count } podpisy.
   *[other] PIN kód platí len pre týchto { $count } podpisov.
}
opens-login = Týmto certifikátom bude môcť stránka potom podpisovať ďalej bez otázok. Skončí sa to po { $minutes } min alebo po { $idle } min bez podpisu.
opens-login-key = Týmto kľúčom bude môcť stránka potom podpisovať ďalej bez otázok. Skončí sa to po { $minutes } min alebo po { $idle } min bez podpisu.
opens-reading = Stránka bude môcť potom čítať všetky certifikáty na tokene. Týmto PIN kódom nič nepodpíše.
opens-reading-keys = Stránka bude môcť potom vidieť, ktoré kľúče sú na tokene. Týmto PIN kódom nič nepodpíše.

tries-low = Predtým bol zadaný nesprávny PIN kód. Po niekoľkých ďalších chybách sa token zablokuje.
tries-fewer = Po niekoľkých ďalších chybách sa token zablokuje.
tries-left = { $tries ->
    [one] Zostáva { $tries } pokus, kým sa token zablokuje.
    [few] Zostávajú { $tries } pokusy, kým sa token zablokuje.
   *[other] Zostáva { $tries } pokusov, kým sa token zablokuje.
}
tries-final = Posledný pokus: ak je tento PIN kód nesprávny, token sa zablokuje.

problem-wrong = PIN kód bol nesprávny.
problem-not-accepted = Token neprijíma takýto PIN kód. Nevyhovuje jeho dĺžka alebo znaky.
problem-changed = Token sa medzitým zmenil. PIN kód nebol odoslaný. Zadajte ho znova.
problem-too-fast = Bolo to napísané skôr, ako ste stihli prečítať toto okno, preto sa to zahodilo. Zadajte PIN kód znova.
problem-short = { $min ->
    [one] Tento PIN kód je krátky: podľa tokenu je minimum { $min } znak. Napriek tomu odoslať?
    [few] Tento PIN kód je krátky: podľa tokenu je minimum { $min } znaky. Napriek tomu odoslať?
   *[other] Tento PIN kód je krátky: podľa tokenu je minimum { $min } znakov. Napriek tomu odoslať?
}
problem-long = { $max ->
    [one] Tento PIN kód je dlhý: podľa tokenu je maximum { $max } znak. Napriek tomu odoslať?
    [few] Tento PIN kód je dlhý: podľa tokenu je maximum { $max } znaky. Napriek tomu odoslať?
   *[other] Tento PIN kód je dlhý: podľa tokenu je maximum { $max } znakov. Napriek tomu odoslať?
}
pin-send-anyway = Napriek tomu odoslať
pin-change = Zmeniť
pin-confirm = Ak chcete zadať PIN kód, najprv napíšte { $digits }.

## Keypad of a reader

pinpad-heading = Zadajte PIN kód na čítačke kariet
pinpad-text = Čítačka má vlastnú klávesnicu. Tento počítač PIN kód nevidí.
hide = Skryť

## Progress of a batch

progress-title = Podpisovanie
progress-heading = Hotové podpisy: { $done } z { $count }
progress-bar = Priebeh
progress-stop = Zastaviť

## The window

wait = Klávesy a kliknutia budú o chvíľu prijaté.
wait-focus = Ak chcete písať sem, najprv kliknite do tohto okna.
digits-label = Číslice
digits-wrong = Boli to iné číslice. Napíšte nové.

## Notifications on the desktop

login-title = { $site } môže podpisovať
login-signatures = { $count ->
    [one] { $count } podpis od zadania PIN kódu.
    [few] { $count } podpisy od zadania PIN kódu.
   *[other] { $count } podpisov od zadania PIN kódu.
}
login-certificate = Certifikát: { $name }
login-key = Kľúč bez certifikátu: { $name }
login-ends = Prihlásenie sa skončí po { $idle } bez podpisu, najneskôr { $longest } po zadaní PIN kódu.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = Program iného používateľa obsadil port pkcs11-bridge
port-text = Program iného používateľa obsadil port { $port } (používateľ { $user }, program { $program }). Bridge používa port { $own }. Ak tento počítač s nikým nezdieľate, opýtajte sa správcu.
port-unknown-program = neznámy

## Pinentry and terminal

plain-consent = Ak to chcete povoliť, napíšte { $allow }. Ak chcete stránku zablokovať, napíšte { $block }. Prázdna odpoveď zamietne.
plain-digits-prompt = Číslice:
plain-pin-prompt = PIN kód:
plain-pin-empty = Prázdny PIN kód zruší akciu.
plain-send-anyway = Ak ho chcete odoslať, napíšte { $digits }.

## Dates

date = { $day }. { $month ->
    [1] januára
    [2] februára
    [3] marca
    [4] apríla
    [5] mája
    [6] júna
    [7] júla
    [8] augusta
    [9] septembra
    [10] októbra
    [11] novembra
   *[12] decembra
} { $year }
