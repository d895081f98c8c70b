### What the dialogs say. "Token" means a smart card, a USB token or an HSM.

## Consent

consent-title = Site asks for access
consent-heading = Allow this site to use your smart cards and tokens?
consent-grants = If you allow it, the site can do this until { $date } ({ $days ->
    [one] { $days } day
   *[other] { $days } days
}):
consent-grant-read = See which tokens are connected, and their certificates with the names in them.
consent-grant-sign = Ask you for signatures. For these, most tokens need their PIN.
consent-allow = Allow
consent-deny = Deny
consent-block = Block this site
consent-block-explanation = Denies access and never asks about this site again.
consent-type-allow = To allow the site, type { $digits }.
consent-type-block = To block the site, type { $digits }.

## Warnings about the name of a site

site-insecure = The connection to this site is not encrypted (http://). Others on the network can read and change what it does.
site-punycode = Letters of this name may look like other letters. Browsers also write it as { $name }. Make sure that this is the site that you mean.

## PIN

pin-title = PIN needed
pin-heading-sign = Enter the PIN to sign
pin-heading-batch = { $count ->
    [one] Enter the PIN to make { $count } signature
   *[other] Enter the PIN to make { $count } signatures
}
pin-heading-one-of = Enter the PIN to make signature { $number } of { $count }
pin-heading-authenticate = Enter the PIN to log in
pin-heading-list = Enter the PIN to show certificates
pin-heading-list-keys = Enter the PIN to show keys
pin-label = PIN
pin-sign = Sign
pin-log-in = Log in
pin-cancel = Cancel

row-site = Site
row-token = Token
row-certificate = Certificate
row-key = Key without a certificate
row-document = Document
row-documents = Documents
row-to-sign = To sign
row-to-log-in = To log in
document-size = { $name } ({ $size })
document-claim = The site says so. It cannot be checked here.
documents-more = { $count ->
    [one] and { $count } more
   *[other] and { $count } more
}
size-bytes = { $size ->
    [one] { $size } byte
   *[other] { $size } bytes
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = { $algorithm } hash
data-message = { $size ->
    [one] Message of { $size } byte, with this SHA-256 hash
   *[other] Message of { $size } bytes, with this SHA-256 hash
}
data-hashes = { $count ->
    [one] { $count } { $algorithm } hash
   *[other] { $count } { $algorithm } hashes
}
data-messages = { $count ->
    [one] { $count } message
   *[other] { $count } messages
}
data-authenticate = A proof for this site of who you are. Nothing else is signed.

opens-signature = The PIN is for this signature only.
opens-batch = { $count ->
    [one] The PIN is for this signature only.
   *[other] The PIN is for these { $count } signatures only.
}
opens-login = With this certificate, the site can then sign more without asking. This ends after { $minutes } minutes, or after { $idle } minutes without a signature.
opens-login-key = With this key, the site can then sign more without asking. This ends after { $minutes } minutes, or after { $idle } minutes without a signature.
opens-reading = The site can then read all certificates on the token. It signs nothing with this PIN.
opens-reading-keys = The site can then read which keys the token has. It signs nothing with this PIN.

tries-low = A wrong PIN was entered before. The token locks after a few.
tries-fewer = A few more wrong PINs, and the token locks.
tries-left = { $tries ->
    [one] { $tries } try is left before the token locks.
   *[other] { $tries } tries are left before the token locks.
}
tries-final = Last try: if this PIN is wrong, the token locks.

problem-wrong = That PIN was wrong.
problem-not-accepted = The token does not take a PIN like this one. Its length or characters are wrong.
problem-changed = The token has changed meanwhile. The PIN was not sent. Enter it again.
problem-too-fast = That was typed before you could read this, so it was thrown away. Enter the PIN again.
problem-short = { $min ->
    [one] This PIN is short: the token says that it takes at least { $min } character. Send it anyway?
   *[other] This PIN is short: the token says that it takes at least { $min } characters. Send it anyway?
}
problem-long = { $max ->
    [one] This PIN is long: the token says that it takes at most { $max } character. Send it anyway?
   *[other] This PIN is long: the token says that it takes at most { $max } characters. Send it anyway?
}
pin-send-anyway = Send anyway
pin-change = Change it
pin-confirm = To enter the PIN, first type { $digits }.

## Keypad of a reader

pinpad-heading = Enter the PIN on the card reader
pinpad-text = The reader has a keypad of its own. This computer does not see the PIN.
hide = Hide

## Progress of a batch

progress-title = Signing
progress-heading = { $done } of { $count } signatures made
progress-bar = Progress
progress-stop = Stop

## The window

wait = Keys and clicks count in a moment.
wait-focus = To type here, first click this window.
digits-label = Digits
digits-wrong = Those were other digits. Type the new ones.

## Notifications on the desktop

login-title = { $site } can sign
login-signatures = { $count ->
    [one] { $count } signature since the PIN was entered.
   *[other] { $count } signatures since the PIN was entered.
}
login-certificate = Certificate: { $name }
login-key = Key without a certificate: { $name }
login-ends = The login ends after { $idle } without a signature, and { $longest } after the PIN.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = Another user's program has a port of pkcs11-bridge
port-text = A program of another user holds port { $port } (user { $user }, program { $program }). The bridge uses port { $own }. If you do not share this computer, ask its administrator.
port-unknown-program = unknown

## Pinentry and terminal

plain-consent = To allow it, type { $allow }. To block this site, type { $block }. An empty answer denies it.
plain-digits-prompt = Digits:
plain-pin-prompt = PIN:
plain-pin-empty = An empty PIN cancels.
plain-send-anyway = To send it, type { $digits }.

## Dates

date = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $day }, { $year }
