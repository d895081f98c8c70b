## Consent

consent-title = Сайт запитує доступ
consent-heading = Дозволити цьому сайту користуватися вашими смарткартками й токенами?
consent-grants = Якщо ви дозволите, до { $date } ({ $days ->
    [one] { $days } день
    [few] { $days } дні
    [many] { $days } днів
   *[other] { $days } дня
}) сайт зможе:
consent-grant-read = бачити під’єднані токени та їхні сертифікати з іменами в них;
consent-grant-sign = просити у вас підписи. Більшість токенів вимагає для них PIN-код.
consent-allow = Дозволити
consent-deny = Відхилити
consent-block = Заблокувати цей сайт
consent-block-explanation = Відмовляє в доступі й більше ніколи не питає про цей сайт.
consent-type-allow = Щоб дозволити сайт, введіть { $digits }.
consent-type-block = Щоб заблокувати сайт, введіть { $digits }.

## Warnings about the name of a site

site-insecure = З’єднання з цим сайтом не зашифроване (http://). Інші в мережі можуть читати й змінювати те, що він робить.
site-punycode = Літери цієї назви можуть бути схожі на інші. Браузери пишуть її також як { $name }. Переконайтеся, що це потрібний вам сайт.

## PIN

pin-title = Потрібен PIN-код
pin-heading-sign = Введіть PIN-код, щоб підписати
pin-heading-batch = { $count ->
    [one] Введіть PIN-код для { $count } підпису
    [few] Введіть PIN-код для { $count } підписів
    [many] Введіть PIN-код для { $count } підписів
   *[other] Введіть PIN-код для { $count } підпису
}
pin-heading-one-of = Введіть PIN-код для підпису { $number } з { $count }
pin-heading-authenticate = Введіть PIN-код, щоб увійти
pin-heading-list = Введіть PIN-код, щоб показати сертифікати
pin-heading-list-keys = Введіть PIN-код, щоб показати ключі
pin-label = PIN-код
pin-sign = Підписати
pin-log-in = Увійти
pin-cancel = Скасувати

row-site = Сайт
row-token = Токен
row-certificate = Сертифікат
row-key = Ключ без сертифіката
row-document = Документ
row-documents = Документи
row-to-sign = На підпис
row-to-log-in = Для входу
document-size = { $name } ({ $size })
document-claim = Так стверджує сайт. Тут це неможливо перевірити.
documents-more = { $count ->
    [one] і ще { $count }
    [few] і ще { $count }
    [many] і ще { $count }
   *[other] і ще { $count }
}
size-bytes = { $size ->
    [one] { $size } байт
    [few] { $size } байти
    [many] { $size } байтів
   *[other] { $size } байта
}
size-kilobytes = { $size } кБ
size-megabytes = { $size } МБ
data-hash = Геш { $algorithm }
data-message = { $size ->
    [one] Повідомлення довжиною { $size } байт із цим гешем SHA-256
    [few] Повідомлення довжиною { $size } байти з цим гешем SHA-256
    [many] Повідомлення довжиною { $size } байтів із цим гешем SHA-256
   *[other] Повідомлення довжиною { $size } байта з цим гешем SHA-256
}
data-hashes = { $count ->
    [one] { $count } геш { $algorithm }
    [few] { $count } геші { $algorithm }
    [many] { $count } гешів { $algorithm }
   *[other] { $count } геша { $algorithm }
}
data-messages = { $count ->
    [one] { $count } повідомлення
    [few] { $count } повідомлення
    [many] { $count } повідомлень
   *[other] { $count } повідомлення
}
data-authenticate = Доказ для цього сайту, хто ви. Нічого іншого не буде підписано.

opens-signature = PIN-код діє лише для цього підпису.
opens-batch = { $count ->
    [one] PIN-код діє лише для цього підпису.
    [few] PIN-код діє лише для цих { $count } підписів.
    [many] PIN-код діє лише для цих { $count } підписів.
   *[other] PIN-код діє лише для цих { $count } підписів.
}
opens-login = Із цим сертифікатом сайт зможе потім підписувати далі без запитань. Це закінчиться через { $minutes } хв або через { $idle } хв без підпису.
opens-login-key = Із цим ключем сайт зможе потім підписувати далі без запитань. Це закінчиться через { $minutes } хв або через { $idle } хв без підпису.
opens-reading = Сайт зможе потім читати всі сертифікати на токені. Із цим PIN-кодом він нічого не підписує.
opens-reading-keys = Сайт зможе потім бачити, які ключі є на токені. Із цим PIN-кодом він нічого не підписує.

tries-low = Раніше було введено неправильний PIN-код. Після ще кількох помилок токен заблокується.
tries-fewer = Після ще кількох помилок токен заблокується.
tries-left = { $tries ->
    [one] Залишилася { $tries } спроба, перш ніж токен заблокується.
    [few] Залишилося { $tries } спроби, перш ніж токен заблокується.
    [many] Залишилося { $tries } спроб, перш ніж токен заблокується.
   *[other] Залишилося { $tries } спроби, перш ніж токен заблокується.
}
tries-final = Остання спроба: якщо цей PIN-код неправильний, токен заблокується.

problem-wrong = PIN-код був неправильний.
problem-not-accepted = Токен не приймає такого PIN-коду. Його довжина або символи не підходять.
problem-changed = Тим часом токен змінився. PIN-код не надіслано. Введіть його ще раз.
problem-too-fast = Це було введено, перш ніж ви могли прочитати це вікно, тому його відкинуто. Введіть PIN-код ще раз.
problem-short = { $min ->
    [one] Цей PIN-код короткий: за даними токена, мінімум — { $min } символ. Усе одно надіслати?
    [few] Цей PIN-код короткий: за даними токена, мінімум — { $min } символи. Усе одно надіслати?
    [many] Цей PIN-код короткий: за даними токена, мінімум — { $min } символів. Усе одно надіслати?
   *[other] Цей PIN-код короткий: за даними токена, мінімум — { $min } символу. Усе одно надіслати?
}
problem-long = { $max ->
    [one] Цей PIN-код довгий: за даними токена, максимум — { $max } символ. Усе одно надіслати?
    [few] Цей PIN-код довгий: за даними токена, максимум — { $max } символи. Усе одно надіслати?
    [many] Цей PIN-код довгий: за даними токена, максимум — { $max } символів. Усе одно надіслати?
   *[other] Цей PIN-код довгий: за даними токена, максимум — { $max } символу. Усе одно надіслати?
}
pin-send-anyway = Усе одно надіслати
pin-change = Змінити
pin-confirm = Щоб ввести PIN-код, спочатку введіть { $digits }.

## Keypad of a reader

pinpad-heading = Введіть PIN-код на зчитувачі карток
pinpad-text = Зчитувач має власну клавіатуру. Цей комп’ютер не бачить PIN-коду.
hide = Сховати

## Progress of a batch

progress-title = Підписання
progress-heading = Зроблено підписів: { $done } з { $count }
progress-bar = Перебіг
progress-stop = Зупинити

## The window

wait = Натискання й клацання подіють за мить.
wait-focus = Щоб писати тут, спочатку клацніть у цьому вікні.
digits-label = Цифри
digits-wrong = Це були інші цифри. Введіть нові.

## Notifications on the desktop

login-title = { $site } може підписувати
login-signatures = { $count ->
    [one] { $count } підпис після введення PIN-коду.
    [few] { $count } підписи після введення PIN-коду.
    [many] { $count } підписів після введення PIN-коду.
   *[other] { $count } підпису після введення PIN-коду.
}
login-certificate = Сертифікат: { $name }
login-key = Ключ без сертифіката: { $name }
login-ends = Сеанс закінчиться через { $idle } без підпису, щонайпізніше через { $longest } після PIN-коду.
duration-minutes = { $count } хв
duration-seconds = { $count } с
port-title = Програма іншого користувача зайняла порт pkcs11-bridge
port-text = Програма іншого користувача зайняла порт { $port } (користувач { $user }, програма { $program }). Bridge використовує порт { $own }. Якщо ви не ділите цей комп’ютер з іншими, зверніться до адміністратора.
port-unknown-program = невідома

## Pinentry and terminal

plain-consent = Щоб дозволити, введіть { $allow }. Щоб заблокувати цей сайт, введіть { $block }. Порожня відповідь — відмова.
plain-digits-prompt = Цифри:
plain-pin-prompt = PIN-код:
plain-pin-empty = Порожній PIN-код скасовує.
plain-send-anyway = Щоб надіслати його, введіть { $digits }.

## Dates

date = { $day } { $month ->
    [1] січня
    [2] лютого
    [3] березня
    [4] квітня
    [5] травня
    [6] червня
    [7] липня
    [8] серпня
    [9] вересня
    [10] жовтня
    [11] листопада
   *[12] грудня
} { $year } р.
