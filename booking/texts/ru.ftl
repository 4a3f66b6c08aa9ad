# Messages to clients in Russian.
#
# Variables: $business, $address (empty if unknown), $service, $master, $price, $time; $weekday (1 is Monday), $day,
# $month, $year (0 for the present one) of the visit; $days from the message's date to the visit's; $hours before the
# visit up to which it can be cancelled.

weekday = { $weekday ->
    [1] понедельник
    [2] вторник
    [3] среда
    [4] четверг
    [5] пятница
    [6] суббота
   *[7] воскресенье
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

date = { weekday }, { $day } { month }{ $year ->
    [0] { "" }
   *[other] { " " }{ $year } года
}

free = бесплатно

address = Адрес: { $address }

how-to-cancel = { $hours ->
    [0] Чтобы отменить или перенести запись, ответьте на это сообщение.
    [one] Чтобы отменить или перенести запись, ответьте на это сообщение не позднее чем за { $hours } час до визита.
    [few] Чтобы отменить или перенести запись, ответьте на это сообщение не позднее чем за { $hours } часа до визита.
   *[other] Чтобы отменить или перенести запись, ответьте на это сообщение не позднее чем за { $hours } часов до визита.
}

confirmation =
    Здравствуйте! Вы записаны: { $business }.
    { date }, { $time }
    { $service }, мастер: { $master }
    Стоимость: { $price }

# Later than on the day itself the date is named: a reminder that was held up would lie with "tomorrow".
reminder =
    { $days ->
        [0] Напоминаем: сегодня в { $time } у вас запись, { $business }.
       *[other] Напоминаем: { date }, в { $time } у вас запись, { $business }.
    }
    { $service }, мастер: { $master }

cancellation =
    { $business }: ваша запись отменена.
    { date }, { $time }
    { $service }, мастер: { $master }
    Чтобы записаться на другое время, ответьте на это сообщение.
