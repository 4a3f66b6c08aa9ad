# Messages to clients in Kazakh. The variables are those of ru.ftl. A noun does not change after a numeral.

weekday = { $weekday ->
    [1] дүйсенбі
    [2] сейсенбі
    [3] сәрсенбі
    [4] бейсенбі
    [5] жұма
    [6] сенбі
   *[7] жексенбі
}

month = { $month ->
    [1] қаңтар
    [2] ақпан
    [3] наурыз
    [4] сәуір
    [5] мамыр
    [6] маусым
    [7] шілде
    [8] тамыз
    [9] қыркүйек
    [10] қазан
    [11] қараша
   *[12] желтоқсан
}

date = { weekday }, { $year ->
    [0] { "" }
   *[other] { $year } жылғы{ " " }
}{ $day } { month }

free = тегін

address = Мекенжайы: { $address }

how-to-cancel = { $hours ->
    [0] Бас тарту немесе уақытын ауыстыру үшін осы хабарламаға жауап жазыңыз.
   *[other] Бас тарту немесе уақытын ауыстыру үшін осы хабарламаға келетін уақыттан кемінде { $hours } сағат бұрын жауап жазыңыз.
}

confirmation =
    Сәлеметсіз бе! Сіз жазылдыңыз: { $business }.
    { date }, сағат { $time }
    { $service }, шебер: { $master }
    Бағасы: { $price }

# Later than on the day itself the date is named: a reminder that was held up would lie with "tomorrow".
reminder =
    { $days ->
        [0] Еске саламыз: бүгін сағат { $time } уақытына жазылғансыз, { $business }.
       *[other] Еске саламыз: { date }, сағат { $time } уақытына жазылғансыз, { $business }.
    }
    { $service }, шебер: { $master }

cancellation =
    { $business }: сіздің жазылуыңыз жойылды.
    { date }, сағат { $time }
    { $service }, шебер: { $master }
    Басқа уақытқа жазылу үшін осы хабарламаға жауап жазыңыз.
