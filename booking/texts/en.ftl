# What people are written, in English. The variables are those of ru.ftl.

weekday = { $weekday ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
}

on-weekday = on { weekday }

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

date = { $day } { month }{ $year ->
    [0] { "" }
   *[other] { " " }{ $year }
}

line = { weekday }, { date }, { $time }

when = { on-weekday }, { date }, at { $at }

free = free of charge

greeting = { $named ->
    [yes] Hello, { $client }!
   *[no] Hello!
}

what = { $service } with { $master }

address = Address: { $address }

how-to-cancel = { $hours ->
    [0] To cancel or move your visit, reply to this message.
    [one] To cancel or move your visit, reply to this message at least { $hours } hour before it.
   *[other] To cancel or move your visit, reply to this message at least { $hours } hours before it.
}

how-to-cancel-link = Cancel or move it: { $link }

request =
    { greeting } We have your request: { $business }.
    { line }
    { what }
    Price: { $price }
    We will write to you as soon as it is confirmed.

confirmation =
    { greeting } You are booked at { $business }.
    We look forward to seeing you { when }.
    { what }
    Price: { $price }

moved =
    { greeting } Your visit to { $business } has been moved.
    Before: { $old }
    Now: { line }
    { what }

cancelled-by-client =
    { $business }: you have cancelled your visit.
    { line }
    { what }
    We would be glad to see you another time.

cancelled-by-salon =
    { $business }: we are sorry, your visit has been cancelled.
    { line }
    { what }
    To book another time, reply to this message.

# Later than on the day itself the date is named: a reminder that was held up would lie with "tomorrow".
reminder =
    { $days ->
        [0] A reminder: you have a visit at { $business } today at { $at }.
       *[other] A reminder: you have a visit at { $business } { when }.
    }
    { what }

expired =
    { greeting } Your request to { $business } was not confirmed in time and is no longer valid.
    { line }
    { what }
    To book another time, reply to this message.

code =
    { $purpose ->
        [reset] { $code } is your code for a new password, { $business }.
       *[login] { $code } is your code to sign in, { $business }.
    }
    { $minutes ->
        [one] It is valid for { $minutes } minute. Do not tell it to anybody.
       *[other] It is valid for { $minutes } minutes. Do not tell it to anybody.
    }

invitation =
    { greeting } { $business } invites you to its team.
    Accept the invitation: { $link }
    { $days ->
        [one] The link is valid for { $days } day.
       *[other] The link is valid for { $days } days.
    }

test = A test message: { $business }. If you see it, WhatsApp is connected.

stopped = { $business }: very well, we will not write to you any more. To get messages again, write START.

started = { $business }: you will get messages about your visits again. To stop them, write STOP.

chat-thanks = Thank you! We look forward to seeing you { when }, { $business }.

chat-ask-cancel =
    Cancel your visit { when }, { $business }?
    To cancel, answer 2 once more, or CANCEL. If you will come, answer 1.

chat-cannot-cancel =
    Your visit { when } can no longer be cancelled here: it is too near.
    Please call us: { $phone }, { $business }.
