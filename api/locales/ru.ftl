# Тексты ошибок. Сообщение — заголовок, его атрибут — пояснение.

# Части текстов: числа с их словами.

in-seconds = через { $seconds } { $seconds ->
    [one] секунду
    [few] секунды
   *[other] секунд
}
hours-before = { $hours ->
    [0] до его начала
    [one] не позднее чем за { $hours } час до начала
    [few] не позднее чем за { $hours } часа до начала
   *[other] не позднее чем за { $hours } часов до начала
}
min-characters = { $min } { $min ->
    [one] символа
   *[other] символов
}
max-characters = { $max } { $max ->
    [one] символа
   *[other] символов
}

malformed-request = Запрос не читается
    .detail = Тело запроса не является правильным JSON или запрос неполон. { $problem }
invalid-fields = Некоторые поля заполнены неверно
    .detail = В «errors» для каждого поля указано, что не так.
not-signed-in = Сначала войдите
    .detail = Передайте заголовок «Authorization: Bearer <access_token>»; токен выдаёт POST /api/v1/login.
token-invalid = Токен доступа недействителен
    .detail = Токен выдан не этим сервером или изменён. Войдите снова.
token-expired = Срок токена доступа истёк
    .detail = Получите новый через POST /api/v1/refresh-token или войдите снова.
wrong-credentials = Неверный логин или пароль
    .detail = Пользователя с таким e-mail или телефоном и паролем нет.
refresh-token-invalid = Токен обновления недействителен
    .detail = Токен неизвестен, уже использован или истёк. Войдите снова.
session-ended = Сеанс завершён
    .detail = Вы вышли из системы или ваш доступ закрыт. Войдите снова.
business-suspended = Работа компании приостановлена
    .detail = Оператор платформы закрыл эту компанию. Обратитесь к оператору.
trial-expired = Пробный период закончился
    .detail = Всё можно смотреть, но нельзя менять и принимать записи. Обратитесь к оператору, чтобы продолжить.
key-not-allowed = Недоступно по ключу API
    .detail = Этот маршрут только для вошедших пользователей.
key-scope-missing = У ключа API нет нужного права
    .detail = Для этого маршрута нужен ключ с правом { $scope }.
not-allowed = Нет прав
    .detail = Ваша роль не позволяет это сделать.
route-not-found = Здесь ничего нет
    .detail = Такого адреса нет. Все адреса описаны на /api/docs.
business-not-found = Компания не найдена
    .detail = Нет компании с таким поддоменом.
master-not-found = Мастер не найден
    .detail = В этой компании нет такого мастера.
service-not-found = Услуга не найдена
    .detail = В этой компании нет такой услуги.
booking-not-found = Запись не найдена
    .detail = В этой компании нет такой записи.
client-not-found = Клиент не найден
    .detail = В этой компании нет такого клиента, или вы его не обслуживаете.
text-not-found = Нет такого текста
    .detail = События и языки перечислены в GET /api/v1/texts.
client-exists = Клиент с таким номером уже есть
    .detail = Откройте его карточку: номер клиента в «client_id».
client-erased = Данные клиента удалены
    .detail = От этого клиента осталась только статистика, изменить в ней ничего нельзя.
client-has-visits = У клиента есть предстоящие визиты
    .detail = { $count ->
        [one] Впереди { $count } визит. Сначала отмените его или передайте cancel_visits: true.
        [few] Впереди { $count } визита. Сначала отмените их или передайте cancel_visits: true.
       *[other] Впереди { $count } визитов. Сначала отмените их или передайте cancel_visits: true.
    }
client-same = Это один и тот же клиент
    .detail = Объединить можно только двух разных клиентов.
client-blocked = Онлайн-запись для вас закрыта
    .detail = Свяжитесь с компанией напрямую, чтобы записаться.
user-not-found = Пользователь не найден
    .detail = В этой компании нет такого пользователя.
invitation-not-found = Приглашение не найдено
    .detail = Ссылка использована, отозвана или устарела. Попросите новую.
api-key-not-found = Ключ API не найден
    .detail = У этой компании нет такого ключа.
tenant-not-found = Компания не найдена
    .detail = На платформе нет такой компании.
phone-taken = Номер занят
    .detail = Кто-то из сотрудников уже входит с этим номером.
last-owner = Последний владелец
    .detail = Компании нужен владелец. Сначала назначьте другого.
too-many-invitations = Слишком много приглашений
    .detail = Открыто слишком много приглашений. Отзовите часть или попробуйте завтра.
no-public-address = У платформы нет публичного адреса
    .detail = Чтобы отправлять ссылки, оператор должен задать PUBLIC_URL.
too-many-keys = Слишком много ключей API
    .detail = Сначала отзовите ненужный ключ.
settings-changed = Настройки изменились
    .detail = Кто-то другой уже изменил настройки. Их нынешний вид — в поле «current».
not-on-trial = Не пробный период
    .detail = Эта компания не на пробном периоде.
code-wrong = Неверный код
    .detail = Код неверен, уже использован или устарел. Запросите новый.
too-many-attempts = Слишком много попыток
    .detail = Слишком много неудачных входов. Повторите { in-seconds }.
too-many-codes = Слишком много кодов
    .detail = Запрошено слишком много кодов. Повторите { in-seconds }.
method-not-allowed = Метод не поддерживается
    .detail = Такой адрес есть, но не с этим методом. Все адреса описаны на /api/docs.
request-timeout = Запрос занял слишком много времени
    .detail = Запрос не пришёл или не выполнен вовремя. Попробуйте ещё раз.
slot-taken = Это время занято
    .detail = На это время есть другая запись. Ближайшее свободное время — в «alternatives».
email-taken = Этот e-mail уже зарегистрирован
    .detail = Войдите с ним или укажите другой.
subdomain-taken = Этот поддомен занят
    .detail = Выберите другой поддомен.
cancellation-too-late = Отменить уже нельзя
    .detail = Отменить визит можно только { hours-before }. Позвоните нам: { $phone }.
step-not-possible = Этот шаг невозможен
    .detail = В статусе «{ $status }» этого сделать нельзя.
visit-not-begun = Визит ещё не начался
    .detail = Отметить завершение или неявку можно после начала визита.
move-too-late = Перенести уже нельзя
    .detail = Перенести визит можно только { hours-before }. Позвоните нам: { $phone }.
too-many-visits = Слишком много записей
    .detail = { $max ->
        [one] На один номер можно самостоятельно сделать не больше { $max } будущей записи.
       *[other] На один номер можно самостоятельно сделать не больше { $max } будущих записей.
    } Позвоните нам, чтобы записаться ещё.
hold-over = Время больше не удерживается
    .detail = Срок удержания истёк. Выберите время ещё раз.
too-many-holds = Слишком много удержаний
    .detail = Завершите начатую запись или повторите { in-seconds }.
visit-not-found = Визит не найден
    .detail = Ссылка неверна или визит уже прошёл.
booking-closed = Запись закрыта
    .detail = Эта запись уже завершена или отменена.
breaks-visits = Изменение затрагивает записи
    .detail = Записей на время, которое перестанет быть рабочим: { $count }. Они перечислены в «visits». Сначала перенесите их или повторите запрос с confirm=true: тогда они останутся как есть.
catalogue-full = Слишком много
    .detail = В компании может быть не больше 500 услуг и 200 мастеров, включая архивные.
catalogue-not-empty = Услуги уже есть
    .detail = Шаблон заполняет только компанию без услуг.
time-off-not-found = Отсутствие не найдено
    .detail = В этой компании нет такой записи об отсутствии.
holiday-not-found = Это не праздник
    .detail = Эта дата не входит в список праздников. Любой другой день закрывает POST /api/v1/time-off.
template-not-found = Шаблон не найден
    .detail = Есть шаблоны salon, barbershop и nails.
body-too-large = Запрос слишком большой
    .detail = Тело запроса может быть не больше { $kilobytes } КБ.
unsupported-media-type = Нужен JSON
    .detail = Передайте тело с заголовком «Content-Type: application/json».
time-past = Это время уже прошло
    .detail = Выберите время в будущем.
time-skipped = Такого времени нет
    .detail = В этот день часы переводят и это время пропускается. Выберите другое.
outside-hours = На это время записаться нельзя
    .detail = Мастер в это время не оказывает эту услугу. Ближайшее свободное время — в «alternatives».
business-closed = Компания не принимает записи
    .detail = Сейчас запись закрыта. Свяжитесь с компанией напрямую.
time-too-soon = Слишком скоро
    .detail = На этот визит можно записаться начиная с { $earliest }.
time-too-far = Слишком далеко
    .detail = На этот визит можно записаться до { $latest }.
booking-changed = Запись изменилась
    .detail = Кто-то другой уже изменил эту запись. Прочитайте её снова и решите заново.
service-not-offered = Мастер не оказывает эту услугу
    .detail = Выберите другого мастера или другую услугу.
idempotency-key-reused = Этот Idempotency-Key использован для другого запроса
    .detail = Повторите тот же запрос с тем же ключом или возьмите новый ключ.
request-under-way = Тот же запрос уже выполняется
    .detail = Первый запрос с этим Idempotency-Key ещё не завершён. Повторите { in-seconds }.
done-before = Это уже сделано
    .detail = Запрос с этим Idempotency-Key выполнен, но ответ на него потерян. Проверьте, что он создал, прежде чем повторять с новым ключом.
too-many-requests = Слишком много запросов
    .detail = Повторите { in-seconds }.
internal = Ошибка на нашей стороне
    .detail = Запрос не выполнен, ошибка записана. Сообщите нам request_id.
unavailable = Временно недоступно
    .detail = База данных занята. Повторите через несколько секунд.
whatsapp-not-ready = WhatsApp не подключён
    .detail = Номер не привязан или не в сети. GET /qr показывает, что нужно сделать.

subdomain-not-of-host = указана другая компания, а не «{ $host }», которой принадлежит этот адрес
field-required = обязательно
field-unknown = такого поля в этом запросе нет
field-invalid = неверное значение: { $problem }
field-empty = пусто
field-too-long = больше { max-characters }
field-invisible = есть переносы строк или невидимые символы
tag-invalid = от 1 до 40 букв, цифр, пробелов и дефисов
tags-too-many = { $max ->
    [one] не больше { $max } метки
   *[other] не больше { $max } меток
}
template-unbalanced = у фигурной скобки нет пары, символ { $place }
template-unknown = нет такой переменной: { $name }. Есть: { $known }
search-too-long = не больше { max-characters }
email-invalid = не похоже на адрес e-mail
password-too-short = нужно не меньше { min-characters }
password-too-long = слишком длинный
subdomain-length = нужно от 3 до 40 символов
subdomain-character = допустимы только буквы a–z, цифры и дефисы между ними
subdomain-reserved = зарезервировано платформой
phone-empty = это не номер телефона: нет цифр
phone-unexpected = символ «{ $character }» не бывает в номере телефона
phone-too-short = { $missing ->
    [one] номер слишком короткий, не хватает { $missing } цифры
   *[other] номер слишком короткий, не хватает { $missing } цифр
}
phone-too-long = { $extra ->
    [one] номер слишком длинный, { $extra } лишняя цифра
    [few] номер слишком длинный, { $extra } лишние цифры
   *[other] номер слишком длинный, { $extra } лишних цифр
}
phone-unknown-country = нет страны с таким кодом; укажите номер с + и кодом страны
phone-service = это сервисный номер, а не личный
phone-invalid = это не номер телефона
date-invalid = не похоже на дату вида 2024-01-15
dates-invalid = { $max ->
    [one] нужна последняя дата не раньше первой, всего не больше { $max } дня
   *[other] нужна последняя дата не раньше первой, всего не больше { $max } дней
}
items-invalid = не список вида 1:2,3:any из 1–{ $max } услуг с мастерами; за ними может стоять пауза до { $pause } мин: 3:any:30
field-not-with = нельзя указать вместе с { $other }
field-one-of = нужно указать { $one } или { $other }
time-invalid = не похоже на время вида 2024-01-15T14:00:00
email-or-phone = нужен либо адрес e-mail, либо телефон, но не оба
password-wrong = не совпадает с нынешним паролем
instant-invalid = не похоже на время вида 2024-01-15T14:00:00+05:00
instant-past = уже в прошлом
zone-unknown = неизвестный часовой пояс; пример: Asia/Almaty
number-out-of-range = вне пределов от { $min } до { $max }
count-out-of-range = должно содержать от { $min } до { $max } элементов
order-invalid = должно содержать каждый элемент ровно один раз
interval-invalid = содержит время не в виде 09:00 или конец не позже начала
intervals-overlap = содержит два пересекающихся промежутка
time-off-invalid = не позже «from» или больше чем на два года позже
user-unknown = не сотрудник этой компании
user-taken = уже связан с другим мастером
service-unknown = содержит услугу, которой нет в этой компании
service-twice = содержит услугу дважды
limit-invalid = нужно число от 1 до { $max }
master-needed = назовите мастера для каждой части: поверх других записей мастер не подбирается
version-invalid = нужна версия вида «1»
cursor-invalid = этот курсор выдан не этим сервером
idempotency-key-invalid = нужно от 1 до 255 видимых символов ASCII

message-erased = данные клиента удалены
message-recipient-invalid = это не номер телефона
message-text-invalid = текст пуст или слишком длинный
message-not-on-whatsapp = этого номера нет в WhatsApp
message-no-usable-device = сейчас ни одно устройство клиента не может принять сообщение
message-not-connected = аккаунт WhatsApp не был подключён
message-new-contact-refused = WhatsApp не пропускает сообщения тем, кто не писал на этот номер (463)
message-new-chat-limit = аккаунт WhatsApp исчерпал новые чаты на этот период (475)
message-not-allowed = WhatsApp не разрешает это сообщение
message-slow-down = WhatsApp просит отправлять медленнее
message-refused = WhatsApp отклонил сообщение
message-server-trouble = у WhatsApp сейчас неполадки
message-not-confirmed = WhatsApp не подтвердил сообщение вовремя
message-internal = ошибка на нашей стороне
message-quiet-hours = ждёт окончания тихих часов
message-business-suspended = ждёт: работа компании приостановлена
message-cold-budget = ждёт: на сегодня исчерпаны сообщения тем, кто не писал на этот номер
message-cold-stopped = ждёт: WhatsApp не пропускает сообщения этого аккаунта тем, кто ему не писал
message-account-banned = WhatsApp временно заблокировал этот аккаунт
message-opted-out = получатель отказался от сообщений
message-no-consent = получатель не писал на этот номер и не давал согласия на сообщения
message-expired = не удалось отправить вовремя
message-cancelled = отправка отменена
message-duplicate = этот номер уже есть в списке
message-phone-invalid = это не номер телефона
message-no-phone = у клиента нет номера телефона
message-not-delivered = отправлено, но не дошло ни до одного устройства
message-not-planned = сообщение не планировалось

whatsapp-linked = WhatsApp уже подключён
    .detail = У аккаунта есть устройство. Чтобы подключить другой телефон, сначала выйдите (POST …/logout).
pairing-codes-used-up = Сейчас кода нет
    .detail = Код уже действует или их запрошено слишком много. Повторите { in-seconds } или отсканируйте QR-код.
whatsapp-refused = WhatsApp отказал
    .detail = WhatsApp не выполнил запрос. Попробуйте позже.
recipient-opted-out = Получатель не хочет сообщений
    .detail = Он отказался от сообщений. Чтобы получать их снова, он может написать СТАРТ.
recipient-no-consent = Получатель не соглашался на сообщения
    .detail = Он не писал на этот номер и не давал согласия; такое сообщение может стоить аккаунта. Попросите его написать первым.
message-not-found = Сообщение не найдено
    .detail = В этой компании нет такого сообщения.
bulk-not-found = Рассылка не найдена
    .detail = В этой компании нет такой рассылки.

text-empty = пусто
text-too-long = длиннее 4096 символов
text-invisible = есть невидимые символы
recipients-either = укажите либо «phones», либо «clients»
recipients-nobody = некому писать
recipients-too-many = { $max ->
    [one] больше { $max } получателя
   *[other] больше { $max } получателей
}

account-online = подключён
account-connecting = соединение устанавливается
account-backoff = соединение потеряно; программа попробует снова сама
account-waiting_for_scan = ждёт, пока телефон отсканирует QR-код или на нём введут код
account-passkey_required = телефон просит ключ доступа: подтвердите им подключение на телефоне или используйте код
account-unpaired = телефон ещё не подключён
account-logged_out = телефон отключил это устройство; подключите снова
account-banned = WhatsApp заблокировал этот номер; ничего не отправляется, сообщения ждут
account-replaced = это устройство использует другая программа; остановите её и подключитесь снова
account-offline = ни один процесс не держит этот аккаунт; сообщения ждут
