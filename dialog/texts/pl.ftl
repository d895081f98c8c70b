## Consent

consent-title = Strona prosi o dostęp
consent-heading = Zezwolić tej stronie na używanie kart i tokenów?
consent-grants = Jeśli zezwolisz, do { $date } ({ $days ->
    [one] { $days } dzień
    [few] { $days } dni
    [many] { $days } dni
   *[other] { $days } dnia
}) strona będzie mogła:
consent-grant-read = zobaczyć podłączone tokeny i ich certyfikaty, z imionami i nazwiskami;
consent-grant-sign = prosić o podpisy. Większość tokenów wymaga do nich kodu PIN.
consent-allow = Zezwól
consent-deny = Odmów
consent-block = Zablokuj tę stronę
consent-block-explanation = Odmawia dostępu i nigdy więcej nie pyta o tę stronę.
consent-type-allow = Aby zezwolić stronie, wpisz { $digits }.
consent-type-block = Aby zablokować stronę, wpisz { $digits }.

## Warnings about the name of a site

site-insecure = Połączenie z tą stroną nie jest szyfrowane (http://). Inne osoby w sieci mogą odczytać i zmienić to, co robi strona.
site-punycode = Litery w tej nazwie mogą przypominać inne litery. Przeglądarki zapisują ją także jako { $name }. Upewnij się, że to właściwa strona.

## PIN

pin-title = Potrzebny kod PIN
pin-heading-sign = Wpisz kod PIN, aby podpisać
pin-heading-batch = { $count ->
    [one] Wpisz kod PIN, aby złożyć { $count } podpis
    [few] Wpisz kod PIN, aby złożyć { $count } podpisy
    [many] Wpisz kod PIN, aby złożyć { $count } podpisów
   *[other] Wpisz kod PIN, aby złożyć { $count } podpisu
}
pin-heading-one-of = Wpisz kod PIN do podpisu { $number } z { $count }
pin-heading-authenticate = Wpisz kod PIN, aby się zalogować
pin-heading-list = Wpisz kod PIN, aby pokazać certyfikaty
pin-heading-list-keys = Wpisz kod PIN, aby pokazać klucze
pin-label = Kod PIN
pin-sign = Podpisz
pin-log-in = Zaloguj się
pin-cancel = Anuluj

row-site = Strona
row-token = Token
row-certificate = Certyfikat
row-key = Klucz bez certyfikatu
row-document = Dokument
row-documents = Dokumenty
row-to-sign = Do podpisania
row-to-log-in = Do logowania
document-size = { $name } ({ $size })
document-claim = Tak twierdzi strona. Nie można tego tutaj sprawdzić.
documents-more = { $count ->
    [one] i jeszcze { $count }
    [few] i jeszcze { $count }
    [many] i jeszcze { $count }
   *[other] i jeszcze { $count }
}
size-bytes = { $size ->
    [one] { $size } bajt
    [few] { $size } bajty
    [many] { $size } bajtów
   *[other] { $size } bajta
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = Skrót { $algorithm }
data-message = { $size ->
    [one] Wiadomość o długości { $size } bajtu, z tym skrótem SHA-256
    [few] Wiadomość o długości { $size } bajtów, z tym skrótem SHA-256
    [many] Wiadomość o długości { $size } bajtów, z tym skrótem SHA-256
   *[other] Wiadomość o długości { $size } bajta, z tym skrótem SHA-256
}
data-hashes = { $count ->
    [one] { $count } skrót { $algorithm }
    [few] { $count } skróty { $algorithm }
    [many] { $count } skrótów { $algorithm }
   *[other] { $count } skrótu { $algorithm }
}
data-messages = { $count ->
    [one] { $count } wiadomość
    [few] { $count } wiadomości
    [many] { $count } wiadomości
   *[other] { $count } wiadomości
}
data-authenticate = Dowód tożsamości dla tej strony. Nic więcej nie zostanie podpisane.

opens-signature = Kod PIN dotyczy tylko tego podpisu.
opens-batch = { $count ->
    [one] Kod PIN dotyczy tylko tego podpisu.
    [few] Kod PIN dotyczy tylko tych { $count } podpisów.
    [many] Kod PIN dotyczy tylko tych { $count } podpisów.
   *[other] Kod PIN dotyczy tylko tych { $count } podpisów.
}
opens-login = Za pomocą tego certyfikatu strona będzie mogła potem składać kolejne podpisy bez pytania. Skończy się to po { $minutes } min albo po { $idle } min bez podpisu.
opens-login-key = Za pomocą tego klucza strona będzie mogła potem składać kolejne podpisy bez pytania. Skończy się to po { $minutes } min albo po { $idle } min bez podpisu.
opens-reading = Strona będzie mogła potem odczytać wszystkie certyfikaty z tokena. Tym kodem PIN niczego nie podpisze.
opens-reading-keys = Strona będzie mogła potem zobaczyć, jakie klucze zawiera token. Tym kodem PIN niczego nie podpisze.

tries-low = Wcześniej wpisano błędny kod PIN. Po kilku kolejnych błędach token się zablokuje.
tries-fewer = Po kilku kolejnych błędach token się zablokuje.
tries-left = { $tries ->
    [one] Pozostała { $tries } próba, zanim token się zablokuje.
    [few] Pozostały { $tries } próby, zanim token się zablokuje.
    [many] Pozostało { $tries } prób, zanim token się zablokuje.
   *[other] Pozostało { $tries } próby, zanim token się zablokuje.
}
tries-final = Ostatnia próba: jeśli ten kod PIN jest błędny, token się zablokuje.

problem-wrong = Kod PIN był błędny.
problem-not-accepted = Token nie przyjmuje takiego kodu PIN. Niewłaściwa jest długość lub znaki.
problem-changed = Token w tym czasie się zmienił. Kod PIN nie został wysłany. Wpisz go ponownie.
problem-too-fast = Wpisano to, zanim można było przeczytać to okno, więc zostało odrzucone. Wpisz kod PIN ponownie.
problem-short = { $min ->
    [one] Ten kod PIN jest krótki: według tokenu minimum to { $min } znak. Wysłać mimo to?
    [few] Ten kod PIN jest krótki: według tokenu minimum to { $min } znaki. Wysłać mimo to?
    [many] Ten kod PIN jest krótki: według tokenu minimum to { $min } znaków. Wysłać mimo to?
   *[other] Ten kod PIN jest krótki: według tokenu minimum to { $min } znaku. Wysłać mimo to?
}
problem-long = { $max ->
    [one] Ten kod PIN jest długi: według tokenu maksimum to { $max } znak. Wysłać mimo to?
    [few] Ten kod PIN jest długi: według tokenu maksimum to { $max } znaki. Wysłać mimo to?
    [many] Ten kod PIN jest długi: według tokenu maksimum to { $max } znaków. Wysłać mimo to?
   *[other] Ten kod PIN jest długi: według tokenu maksimum to { $max } znaku. Wysłać mimo to?
}
pin-send-anyway = Wyślij mimo to
pin-change = Zmień
pin-confirm = Aby wpisać kod PIN, najpierw wpisz { $digits }.

## Keypad of a reader

pinpad-heading = Wpisz kod PIN na czytniku kart
pinpad-text = Czytnik ma własną klawiaturę. Ten komputer nie widzi kodu PIN.
hide = Ukryj

## Progress of a batch

progress-title = Podpisywanie
progress-heading = Złożone podpisy: { $done } z { $count }
progress-bar = Postęp
progress-stop = Zatrzymaj

## The window

wait = Klawisze i kliknięcia zadziałają za chwilę.
wait-focus = Aby tu pisać, najpierw kliknij w tym oknie.
digits-label = Cyfry
digits-wrong = To były inne cyfry. Wpisz nowe.

## Notifications on the desktop

login-title = { $site } może podpisywać
login-signatures = { $count ->
    [one] { $count } podpis od wpisania kodu PIN.
    [few] { $count } podpisy od wpisania kodu PIN.
    [many] { $count } podpisów od wpisania kodu PIN.
   *[other] { $count } podpisu od wpisania kodu PIN.
}
login-certificate = Certyfikat: { $name }
login-key = Klucz bez certyfikatu: { $name }
login-ends = Logowanie wygaśnie po { $idle } bez podpisu, najpóźniej { $longest } po wpisaniu kodu PIN.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = Program innego użytkownika zajmuje port pkcs11-bridge
port-text = Program innego użytkownika zajmuje port { $port } (użytkownik { $user }, program { $program }). Bridge używa portu { $own }. Jeśli nikt inny nie korzysta z tego komputera, zapytaj administratora.
port-unknown-program = nieznany

## Pinentry and terminal

plain-consent = Aby zezwolić, wpisz { $allow }. Aby zablokować tę stronę, wpisz { $block }. Pusta odpowiedź oznacza odmowę.
plain-digits-prompt = Cyfry:
plain-pin-prompt = Kod PIN:
plain-pin-empty = Pusty kod PIN anuluje.
plain-send-anyway = Aby go wysłać, wpisz { $digits }.

## Dates

date = { $day } { $month ->
    [1] stycznia
    [2] lutego
    [3] marca
    [4] kwietnia
    [5] maja
    [6] czerwca
    [7] lipca
    [8] sierpnia
    [9] września
    [10] października
    [11] listopada
   *[12] grudnia
} { $year }
