## Consent

consent-title = Site vraagt toegang
consent-heading = Mag deze site uw smartcards en tokens gebruiken?
consent-grants = Als u dit toestaat, kan de site tot en met { $date } ({ $days ->
    [one] { $days } dag
   *[other] { $days } dagen
}):
consent-grant-read = zien welke tokens zijn aangesloten, en hun certificaten met de namen daarin;
consent-grant-sign = u om handtekeningen vragen. De meeste tokens vragen daarvoor hun pincode.
consent-allow = Toestaan
consent-deny = Weigeren
consent-block = Site blokkeren
consent-block-explanation = Weigert de toegang en vraagt nooit meer naar deze site.
consent-type-allow = Typ { $digits } om de site toe te staan.
consent-type-block = Typ { $digits } om de site te blokkeren.

## Warnings about the name of a site

site-insecure = De verbinding met deze site is niet versleuteld (http://). Anderen op het netwerk kunnen lezen en wijzigen wat de site doet.
site-punycode = Letters in deze naam kunnen op andere letters lijken. Browsers schrijven de naam ook als { $name }. Controleer of dit de site is die u bedoelt.

## PIN

pin-title = Pincode nodig
pin-heading-sign = Voer de pincode in om te ondertekenen
pin-heading-batch = { $count ->
    [one] Voer de pincode in voor { $count } handtekening
   *[other] Voer de pincode in voor { $count } handtekeningen
}
pin-heading-one-of = Voer de pincode in voor handtekening { $number } van { $count }
pin-heading-authenticate = Voer de pincode in om u aan te melden
pin-heading-list = Voer de pincode in om certificaten te tonen
pin-heading-list-keys = Voer de pincode in om sleutels te tonen
pin-label = Pincode
pin-sign = Ondertekenen
pin-log-in = Aanmelden
pin-cancel = Annuleren

row-site = Site
row-token = Token
row-certificate = Certificaat
row-key = Sleutel zonder certificaat
row-document = Document
row-documents = Documenten
row-to-sign = Te ondertekenen
row-to-log-in = Voor de aanmelding
document-size = { $name } ({ $size })
document-claim = Dit zegt de site. Het kan hier niet worden gecontroleerd.
documents-more = { $count ->
    [one] en nog { $count }
   *[other] en nog { $count }
}
size-bytes = { $size ->
    [one] { $size } byte
   *[other] { $size } bytes
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = { $algorithm }-hash
data-message = { $size ->
    [one] Bericht van { $size } byte, met deze SHA-256-hash
   *[other] Bericht van { $size } bytes, met deze SHA-256-hash
}
data-hashes = { $count ->
    [one] { $count } { $algorithm }-hash
   *[other] { $count } { $algorithm }-hashes
}
data-messages = { $count ->
    [one] { $count } bericht
   *[other] { $count } berichten
}
data-authenticate = Een bewijs voor deze site van wie u bent. Verder wordt niets ondertekend.

opens-signature = De pincode geldt alleen voor deze handtekening.
opens-batch = { $count ->
    [one] De pincode geldt alleen voor deze handtekening.
   *[other] De pincode geldt alleen voor deze { $count } handtekeningen.
}
opens-login = Met dit certificaat kan de site daarna zonder vragen verder ondertekenen. Dat eindigt na { $minutes } minuten, of na { $idle } minuten zonder handtekening.
opens-login-key = Met deze sleutel kan de site daarna zonder vragen verder ondertekenen. Dat eindigt na { $minutes } minuten, of na { $idle } minuten zonder handtekening.
opens-reading = De site kan daarna alle certificaten op het token lezen. Met deze pincode ondertekent ze niets.
opens-reading-keys = De site kan daarna zien welke sleutels het token heeft. Met deze pincode ondertekent ze niets.

tries-low = Eerder is een verkeerde pincode ingevoerd. Na nog enkele fouten wordt het token geblokkeerd.
tries-fewer = Na nog enkele verkeerde pincodes wordt het token geblokkeerd.
tries-left = { $tries ->
    [one] Nog { $tries } poging voordat het token blokkeert.
   *[other] Nog { $tries } pogingen voordat het token blokkeert.
}
tries-final = Laatste poging: als deze pincode verkeerd is, blokkeert het token.

problem-wrong = Die pincode was verkeerd.
problem-not-accepted = Het token aanvaardt zo’n pincode niet. De lengte of de tekens kloppen niet.
problem-changed = Het token is intussen veranderd. De pincode is niet verzonden. Voer hem opnieuw in.
problem-too-fast = Dat is getypt voordat u dit kon lezen, en is daarom genegeerd. Voer de pincode opnieuw in.
problem-short = { $min ->
    [one] Deze pincode is kort: volgens het token is het minimum { $min } teken. Toch verzenden?
   *[other] Deze pincode is kort: volgens het token is het minimum { $min } tekens. Toch verzenden?
}
problem-long = { $max ->
    [one] Deze pincode is lang: volgens het token is het maximum { $max } teken. Toch verzenden?
   *[other] Deze pincode is lang: volgens het token is het maximum { $max } tekens. Toch verzenden?
}
pin-send-anyway = Toch verzenden
pin-change = Wijzigen
pin-confirm = Typ eerst { $digits } om de pincode in te voeren.

## Keypad of a reader

pinpad-heading = Voer de pincode in op de kaartlezer
pinpad-text = De lezer heeft een eigen toetsenbord. Deze computer ziet de pincode niet.
hide = Verbergen

## Progress of a batch

progress-title = Ondertekenen
progress-heading = { $done } van { $count } handtekeningen gezet
progress-bar = Voortgang
progress-stop = Stoppen

## The window

wait = Toetsen en klikken werken over een ogenblik.
wait-focus = Klik eerst in dit venster om hier te typen.
digits-label = Cijfers
digits-wrong = Dat waren andere cijfers. Typ de nieuwe cijfers.

## Notifications on the desktop

login-title = { $site } kan ondertekenen
login-signatures = { $count ->
    [one] { $count } handtekening sinds de pincode is ingevoerd.
   *[other] { $count } handtekeningen sinds de pincode is ingevoerd.
}
login-certificate = Certificaat: { $name }
login-key = Sleutel zonder certificaat: { $name }
login-ends = De aanmelding eindigt na { $idle } zonder handtekening, en uiterlijk { $longest } na de pincode.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = Een programma van een andere gebruiker bezet een poort van pkcs11-bridge
port-text = Een programma van een andere gebruiker bezet poort { $port } (gebruiker { $user }, programma { $program }). De bridge gebruikt poort { $own }. Als u deze computer niet deelt, vraag dan de beheerder.
port-unknown-program = onbekend

## Pinentry and terminal

plain-consent = Typ { $allow } om dit toe te staan. Typ { $block } om deze site te blokkeren. Een leeg antwoord weigert.
plain-digits-prompt = Cijfers:
plain-pin-prompt = Pincode:
plain-pin-empty = Een lege pincode annuleert.
plain-send-anyway = Typ { $digits } om hem te verzenden.

## Dates

date = { $day } { $month ->
    [1] januari
    [2] februari
    [3] maart
    [4] april
    [5] mei
    [6] juni
    [7] juli
    [8] augustus
    [9] september
    [10] oktober
    [11] november
   *[12] december
} { $year }
