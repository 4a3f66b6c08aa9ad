# Messages to clients in English. The variables are those of ru.ftl.

weekday = { $weekday ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
}

month = { $month ->
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
}

date = { weekday }, { $day } { month }{ $year ->
    [0] { "" }
   *[other] { " " }{ $year }
}

free = free of charge

address = Address: { $address }

how-to-cancel = { $hours ->
    [0] To cancel or move your visit, reply to this message.
    [one] To cancel or move your visit, reply to this message at least { $hours } hour before it.
   *[other] To cancel or move your visit, reply to this message at least { $hours } hours before it.
}

confirmation =
    Hello! You are booked at { $business }.
    { date }, { $time }
    { $service } with { $master }
    Price: { $price }

# Later than on the day itself the date is named: a reminder that was held up would lie with "tomorrow".
reminder =
    { $days ->
        [0] A reminder: you have a visit at { $business } today at { $time }.
       *[other] A reminder: you have a visit at { $business } on { date } at { $time }.
    }
    { $service } with { $master }

cancellation =
    { $business }: your visit has been cancelled.
    { date }, { $time }
    { $service } with { $master }
    To book another time, reply to this message.
