# What people are written, in Russian.
#
# Variables of a visit: $business, $address (empty if unknown), $service, $master, $price, $link (empty if there is
# none), $hours before the visit up to which it can be cancelled, $old (the time before it was moved, in words), $days
# from the message's date to the visit's; $named says whether $client is a name to greet with.
# Variables of a day: $weekday (1 is Monday), $day, $month, $year (0 for the present one), $time, and $at, the time as it
# stands behind "at".

weekday = { $weekday ->
    [1] понедельник
    [2] вторник
    [3] среда
    [4] четверг
    [5] пятница
    [6] суббота
   *[7] воскресенье
}

on-weekday = { $weekday ->
    [1] в понедельник
    [2] во вторник
    [3] в среду
    [4] в четверг
    [5] в пятницу
    [6] в субботу
   *[7] в воскресенье
}

month = { $month ->
    [1] января
    [2] февраля
    [3] марта
    [4] апреля
    [5] мая
    [6] июня
    [7] июля
    [8] августа
    [9] сентября
    [10] октября
    [11] ноября
   *[12] декабря
}

date = { $day } { month }{ $year ->
    [0] { "" }
   *[other] { " " }{ $year } года
}

line = { weekday }, { date }, { $time }

when = { on-weekday }, { date }, в { $at }

free = бесплатно

greeting = { $named ->
    [yes] Здравствуйте, { $client }!
   *[no] Здравствуйте!
}

what = { $service }, мастер: { $master }

address = Адрес: { $address }

how-to-cancel = { $hours ->
    [0] Чтобы отменить или перенести запись, ответьте на это сообщение.
    [one] Чтобы отменить или перенести запись, ответьте на это сообщение не позднее чем за { $hours } час до визита.
    [few] Чтобы отменить или перенести запись, ответьте на это сообщение не позднее чем за { $hours } часа до визита.
   *[other] Чтобы отменить или перенести запись, ответьте на это сообщение не позднее чем за { $hours } часов до визита.
}

how-to-cancel-link = Отменить или перенести: { $link }

request =
    { greeting } Мы получили вашу заявку: { $business }.
    { line }
    { what }
    Стоимость: { $price }
    Мы напишем вам, когда подтвердим запись.

confirmation =
    { greeting } Вы записаны: { $business }.
    Ждём вас { when }.
    { what }
    Стоимость: { $price }

moved =
    { greeting } Ваша запись перенесена: { $business }.
    Было: { $old }
    Стало: { line }
    { what }

cancelled-by-client =
    { $business }: вы отменили запись.
    { line }
    { what }
    Будем рады видеть вас снова.

cancelled-by-salon =
    { $business }: к сожалению, ваша запись отменена.
    { line }
    { what }
    Чтобы выбрать другое время, ответьте на это сообщение.

# Later than on the day itself the date is named: a reminder that was held up would lie with "tomorrow".
reminder =
    { $days ->
        [0] Напоминаем: сегодня в { $at } у вас запись, { $business }.
       *[other] Напоминаем: { when } у вас запись, { $business }.
    }
    { what }

expired =
    { greeting } Ваша заявка не была подтверждена вовремя и больше не действует: { $business }.
    { line }
    { what }
    Чтобы выбрать другое время, ответьте на это сообщение.

code =
    { $purpose ->
        [reset] { $code } — код для смены пароля, { $business }.
       *[login] { $code } — код для входа, { $business }.
    }
    { $minutes ->
        [one] Он действует { $minutes } минуту. Никому его не сообщайте.
        [few] Он действует { $minutes } минуты. Никому его не сообщайте.
       *[other] Он действует { $minutes } минут. Никому его не сообщайте.
    }

invitation =
    { greeting } { $business } приглашает вас в команду.
    Принять приглашение: { $link }
    { $days ->
        [one] Ссылка действует { $days } день.
        [few] Ссылка действует { $days } дня.
       *[other] Ссылка действует { $days } дней.
    }

test = Проверочное сообщение: { $business }. Если вы его видите, WhatsApp подключён.

stopped = { $business }: хорошо, больше не будем вам писать. Чтобы снова получать сообщения, напишите СТАРТ.

started = { $business }: вы снова будете получать сообщения о своих записях. Чтобы отказаться, напишите СТОП.

chat-thanks = Спасибо! Ждём вас { when }, { $business }.

chat-ask-cancel =
    Отменить запись { when }, { $business }?
    Чтобы отменить, ответьте ещё раз 2 или ОТМЕНА. Если придёте, ответьте 1.

chat-cannot-cancel =
    Запись { when } здесь уже нельзя отменить: до неё осталось слишком мало времени.
    Пожалуйста, позвоните нам: { $phone }, { $business }.
