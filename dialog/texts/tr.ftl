## Consent

consent-title = Bir site erişim istiyor
consent-heading = Bu site akıllı kartlarınızı ve tokenlarınızı kullanabilsin mi?
consent-grants = İzin verirseniz site { $date } tarihine kadar ({ $days ->
    [one] { $days } gün
   *[other] { $days } gün
}):
consent-grant-read = takılı tokenları ve içlerindeki adlarla birlikte sertifikalarını görebilir;
consent-grant-sign = sizden imza isteyebilir. Çoğu token bunun için PIN kodunu sorar.
consent-allow = İzin ver
consent-deny = Reddet
consent-block = Bu siteyi engelle
consent-block-explanation = Erişimi reddeder ve bu site için bir daha sormaz.
consent-type-allow = Siteye izin vermek için { $digits } yazın.
consent-type-block = Siteyi engellemek için { $digits } yazın.

## Warnings about the name of a site

site-insecure = Bu siteyle bağlantı şifreli değil (http://). Ağdaki başka kişiler yaptıklarını okuyabilir ve değiştirebilir.
site-punycode = Bu addaki harfler başka harflere benzeyebilir. Tarayıcılar bu adı { $name } olarak da yazar. Aradığınız site olduğundan emin olun.

## PIN

pin-title = PIN kodu gerekiyor
pin-heading-sign = İmzalamak için PIN kodunu girin
pin-heading-batch = { $count ->
    [one] { $count } imza için PIN kodunu girin
   *[other] { $count } imza için PIN kodunu girin
}
pin-heading-one-of = İmza { $number } / { $count } için PIN kodunu girin
pin-heading-authenticate = Giriş yapmak için PIN kodunu girin
pin-heading-list = Sertifikaları göstermek için PIN kodunu girin
pin-heading-list-keys = Anahtarları göstermek için PIN kodunu girin
pin-label = PIN kodu
pin-sign = İmzala
pin-log-in = Giriş yap
pin-cancel = Vazgeç

row-site = Site
row-token = Token
row-certificate = Sertifika
row-key = Sertifikasız anahtar
row-document = Belge
row-documents = Belgeler
row-to-sign = İmzalanacak
row-to-log-in = Giriş için
document-size = { $name } ({ $size })
document-claim = Site böyle söylüyor. Burada doğrulanamaz.
documents-more = { $count ->
    [one] ve { $count } tane daha
   *[other] ve { $count } tane daha
}
size-bytes = { $size ->
    [one] { $size } bayt
   *[other] { $size } bayt
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = { $algorithm } özeti
data-message = { $size ->
    [one] { $size } baytlık ileti, SHA-256 özeti şöyle
   *[other] { $size } baytlık ileti, SHA-256 özeti şöyle
}
data-hashes = { $count ->
    [one] { $count } { $algorithm } özeti
   *[other] { $count } { $algorithm } özeti
}
data-messages = { $count ->
    [one] { $count } ileti
   *[other] { $count } ileti
}
data-authenticate = Bu site için kim olduğunuzun kanıtı. Başka hiçbir şey imzalanmaz.

opens-signature = PIN kodu yalnızca bu imza için geçerlidir.
opens-batch = { $count ->
    [one] PIN kodu yalnızca bu imza için geçerlidir.
   *[other] PIN kodu yalnızca bu { $count } imza için geçerlidir.
}
opens-login = Site bundan sonra bu sertifikayla sormadan imza atmaya devam edebilir. Bu izin { $minutes } dakika sonra ya da { $idle } dakika imza atılmazsa sona erer.
opens-login-key = Site bundan sonra bu anahtarla sormadan imza atmaya devam edebilir. Bu izin { $minutes } dakika sonra ya da { $idle } dakika imza atılmazsa sona erer.
opens-reading = Site bundan sonra token üzerindeki tüm sertifikaları okuyabilir. Bu PIN koduyla hiçbir şey imzalamaz.
opens-reading-keys = Site bundan sonra token üzerinde hangi anahtarların bulunduğunu görebilir. Bu PIN koduyla hiçbir şey imzalamaz.

tries-low = Daha önce yanlış bir PIN kodu girildi. Birkaç yanlış denemeden sonra token kilitlenir.
tries-fewer = Birkaç yanlış denemeden sonra token kilitlenir.
tries-left = { $tries ->
    [one] Token kilitlenmeden önce { $tries } deneme kaldı.
   *[other] Token kilitlenmeden önce { $tries } deneme kaldı.
}
tries-final = Son deneme: bu PIN kodu yanlışsa token kilitlenir.

problem-wrong = PIN kodu yanlıştı.
problem-not-accepted = Token böyle bir PIN kodunu kabul etmiyor. Uzunluğu ya da karakterleri uygun değil.
problem-changed = Token bu arada değişti. PIN kodu gönderilmedi. Yeniden girin.
problem-too-fast = Bu, siz pencereyi okuyamadan yazıldı, bu yüzden atıldı. PIN kodunu yeniden girin.
problem-short = { $min ->
    [one] Bu PIN kodu kısa: tokena göre en az { $min } karakter olmalı. Yine de gönderilsin mi?
   *[other] Bu PIN kodu kısa: tokena göre en az { $min } karakter olmalı. Yine de gönderilsin mi?
}
problem-long = { $max ->
    [one] Bu PIN kodu uzun: tokena göre en çok { $max } karakter olmalı. Yine de gönderilsin mi?
   *[other] Bu PIN kodu uzun: tokena göre en çok { $max } karakter olmalı. Yine de gönderilsin mi?
}
pin-send-anyway = Yine de gönder
pin-change = Değiştir
pin-confirm = PIN kodunu girmek için önce { $digits } yazın.

## Keypad of a reader

pinpad-heading = PIN kodunu kart okuyucudan girin
pinpad-text = Okuyucunun kendi tuş takımı var. Bu bilgisayar PIN kodunu görmez.
hide = Gizle

## Progress of a batch

progress-title = İmzalanıyor
progress-heading = { $count } imzadan { $done } tanesi atıldı
progress-bar = İlerleme
progress-stop = Durdur

## The window

wait = Tuşlar ve tıklamalar birazdan geçerli olacak.
wait-focus = Buraya yazmak için önce bu pencereye tıklayın.
digits-label = Rakamlar
digits-wrong = Bunlar başka rakamlardı. Yenilerini yazın.

## Notifications on the desktop

login-title = { $site } imza atabilir
login-signatures = { $count ->
    [one] PIN kodu girildiğinden beri { $count } imza atıldı.
   *[other] PIN kodu girildiğinden beri { $count } imza atıldı.
}
login-certificate = Sertifika: { $name }
login-key = Sertifikasız anahtar: { $name }
login-ends = Oturum, { $idle } imza atılmazsa ya da PIN kodundan en geç { $longest } sonra sona erer.
duration-minutes = { $count } dk
duration-seconds = { $count } sn
port-title = Başka bir kullanıcının programı pkcs11-bridge’in bir bağlantı noktasını kullanıyor
port-text = Başka bir kullanıcının programı { $port } numaralı bağlantı noktasını kullanıyor (kullanıcı { $user }, program { $program }). Bridge { $own } numaralı bağlantı noktasını kullanıyor. Bu bilgisayarı paylaşmıyorsanız yöneticisine sorun.
port-unknown-program = bilinmiyor

## Pinentry and terminal

plain-consent = İzin vermek için { $allow } yazın. Bu siteyi engellemek için { $block } yazın. Boş yanıt reddeder.
plain-digits-prompt = Rakamlar:
plain-pin-prompt = PIN kodu:
plain-pin-empty = Boş PIN kodu işlemi iptal eder.
plain-send-anyway = Göndermek için { $digits } yazın.

## Dates

date = { $day } { $month ->
    [1] Ocak
    [2] Şubat
    [3] Mart
    [4] Nisan
    [5] Mayıs
    [6] Haziran
    [7] Temmuz
    [8] Ağustos
    [9] Eylül
    [10] Ekim
    [11] Kasım
   *[12] Aralık
} { $year }
