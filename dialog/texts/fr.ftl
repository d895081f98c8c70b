## Consent

consent-title = Un site demande l’accès
consent-heading = Autoriser ce site à utiliser vos cartes à puce et jetons ?
consent-grants = Si vous l’autorisez, jusqu’au { $date } ({ $days ->
    [one] { $days } jour
   *[other] { $days } jours
}), le site pourra :
consent-grant-read = voir quels jetons sont connectés, et leurs certificats avec les noms qu’ils contiennent ;
consent-grant-sign = vous demander des signatures. La plupart des jetons exigent alors leur code PIN.
consent-allow = Autoriser
consent-deny = Refuser
consent-block = Bloquer ce site
consent-block-explanation = Refuse l’accès et ne pose plus jamais de question sur ce site.
consent-type-allow = Pour autoriser le site, tapez { $digits }.
consent-type-block = Pour bloquer le site, tapez { $digits }.

## Warnings about the name of a site

site-insecure = La connexion à ce site n’est pas chiffrée (http://). D’autres personnes sur le réseau peuvent lire et modifier ce qu’il fait.
site-punycode = Des lettres de ce nom peuvent ressembler à d’autres lettres. Les navigateurs l’écrivent aussi { $name }. Vérifiez que c’est bien le site que vous voulez.

## PIN

pin-title = Code PIN demandé
pin-heading-sign = Saisissez le code PIN pour signer
pin-heading-batch = { $count ->
    [one] Saisissez le code PIN pour { $count } signature
   *[other] Saisissez le code PIN pour { $count } signatures
}
pin-heading-one-of = Saisissez le code PIN pour la signature { $number } sur { $count }
pin-heading-authenticate = Saisissez le code PIN pour vous connecter
pin-heading-list = Saisissez le code PIN pour afficher les certificats
pin-heading-list-keys = Saisissez le code PIN pour afficher les clés
pin-label = Code PIN
pin-sign = Signer
pin-log-in = Se connecter
pin-cancel = Annuler

row-site = Site
row-token = Jeton
row-certificate = Certificat
row-key = Clé sans certificat
row-document = Document
row-documents = Documents
row-to-sign = À signer
row-to-log-in = Pour se connecter
document-size = { $name } ({ $size })
document-claim = C’est le site qui le dit. Cela ne peut pas être vérifié ici.
documents-more = { $count ->
    [one] et { $count } autre
   *[other] et { $count } autres
}
size-bytes = { $size ->
    [one] { $size } octet
   *[other] { $size } octets
}
size-kilobytes = { $size } ko
size-megabytes = { $size } Mo
data-hash = Empreinte { $algorithm }
data-message = { $size ->
    [one] Message de { $size } octet, avec cette empreinte SHA-256
   *[other] Message de { $size } octets, avec cette empreinte SHA-256
}
data-hashes = { $count ->
    [one] { $count } empreinte { $algorithm }
   *[other] { $count } empreintes { $algorithm }
}
data-messages = { $count ->
    [one] { $count } message
   *[other] { $count } messages
}
data-authenticate = Une preuve de votre identité pour ce site. Rien d’autre n’est signé.

opens-signature = Le code PIN ne vaut que pour cette signature.
opens-batch = { $count ->
    [one] Le code PIN ne vaut que pour cette signature.
   *[other] Le code PIN ne vaut que pour ces { $count } signatures.
}
opens-login = Avec ce certificat, le site pourra ensuite signer encore sans rien demander. Cela prend fin après { $minutes } minutes, ou après { $idle } minutes sans signature.
opens-login-key = Avec cette clé, le site pourra ensuite signer encore sans rien demander. Cela prend fin après { $minutes } minutes, ou après { $idle } minutes sans signature.
opens-reading = Le site pourra ensuite lire tous les certificats du jeton. Il ne signe rien avec ce code PIN.
opens-reading-keys = Le site pourra ensuite voir quelles clés le jeton contient. Il ne signe rien avec ce code PIN.

tries-low = Un code PIN erroné a été saisi auparavant. Encore quelques erreurs, et le jeton se bloque.
tries-fewer = Encore quelques erreurs, et le jeton se bloque.
tries-left = { $tries ->
    [one] Il reste { $tries } essai avant le blocage du jeton.
   *[other] Il reste { $tries } essais avant le blocage du jeton.
}
tries-final = Dernier essai : si ce code PIN est erroné, le jeton se bloque.

problem-wrong = Ce code PIN était erroné.
problem-not-accepted = Le jeton n’accepte pas un tel code PIN. Sa longueur ou ses caractères ne conviennent pas.
problem-changed = Le jeton a changé entre-temps. Le code PIN n’a pas été envoyé. Saisissez-le à nouveau.
problem-too-fast = Cela a été tapé avant que vous ayez pu lire cette fenêtre, et a donc été ignoré. Saisissez à nouveau le code PIN.
problem-short = { $min ->
    [one] Ce code PIN est court : le jeton indique qu’il exige au moins { $min } caractère. L’envoyer quand même ?
   *[other] Ce code PIN est court : le jeton indique qu’il exige au moins { $min } caractères. L’envoyer quand même ?
}
problem-long = { $max ->
    [one] Ce code PIN est long : le jeton indique qu’il accepte au plus { $max } caractère. L’envoyer quand même ?
   *[other] Ce code PIN est long : le jeton indique qu’il accepte au plus { $max } caractères. L’envoyer quand même ?
}
pin-send-anyway = Envoyer quand même
pin-change = Modifier
pin-confirm = Pour saisir le code PIN, tapez d’abord { $digits }.

## Keypad of a reader

pinpad-heading = Saisissez le code PIN sur le lecteur de carte
pinpad-text = Le lecteur a son propre clavier. Cet ordinateur ne voit pas le code PIN.
hide = Masquer

## Progress of a batch

progress-title = Signature en cours
progress-heading = { $done } signatures effectuées sur { $count }
progress-bar = Progression
progress-stop = Arrêter

## The window

wait = Les touches et les clics seront pris en compte dans un instant.
wait-focus = Pour taper ici, cliquez d’abord dans cette fenêtre.
digits-label = Chiffres
digits-wrong = Ce n’étaient pas ces chiffres. Tapez les nouveaux.

## Notifications on the desktop

login-title = { $site } peut signer
login-signatures = { $count ->
    [one] { $count } signature depuis la saisie du code PIN.
   *[other] { $count } signatures depuis la saisie du code PIN.
}
login-certificate = Certificat : { $name }
login-key = Clé sans certificat : { $name }
login-ends = La session prend fin après { $idle } sans signature, et au plus tard { $longest } après la saisie.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = Le programme d’un autre utilisateur occupe un port de pkcs11-bridge
port-text = Un programme d’un autre utilisateur occupe le port { $port } (utilisateur { $user }, programme { $program }). Le bridge utilise le port { $own }. Si vous ne partagez pas cet ordinateur, consultez son administrateur.
port-unknown-program = inconnu

## Pinentry and terminal

plain-consent = Pour l’autoriser, tapez { $allow }. Pour bloquer ce site, tapez { $block }. Une réponse vide refuse.
plain-digits-prompt = Chiffres :
plain-pin-prompt = Code PIN :
plain-pin-empty = Un code PIN vide annule.
plain-send-anyway = Pour l’envoyer, tapez { $digits }.

## Dates

date = { $day } { $month ->
    [1] janvier
    [2] février
    [3] mars
    [4] avril
    [5] mai
    [6] juin
    [7] juillet
    [8] août
    [9] septembre
    [10] octobre
    [11] novembre
   *[12] décembre
} { $year }
