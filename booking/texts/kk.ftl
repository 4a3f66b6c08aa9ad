# What people are written, in Kazakh. The variables are those of ru.ftl. A noun does not change after a numeral.

weekday = { $weekday ->
    [1] дүйсенбі
    [2] сейсенбі
    [3] сәрсенбі
    [4] бейсенбі
    [5] жұма
    [6] сенбі
   *[7] жексенбі
}

on-weekday = { weekday } күні

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

date = { $year ->
    [0] { "" }
   *[other] { $year } жылғы{ " " }
}{ $day } { month }

line = { date }, { weekday }, сағат { $time }

when = { date }, { on-weekday }, сағат { $at }

free = тегін

greeting = { $named ->
    [yes] Сәлеметсіз бе, { $client }!
   *[no] Сәлеметсіз бе!
}

what = { $service }, шебер: { $master }

address = Мекенжайы: { $address }

how-to-cancel = { $hours ->
    [0] Бас тарту немесе уақытын ауыстыру үшін осы хабарламаға жауап жазыңыз.
   *[other] Бас тарту немесе уақытын ауыстыру үшін келетін уақыттан кемінде { $hours } сағат бұрын осы хабарламаға жауап жазыңыз.
}

how-to-cancel-link = Бас тарту немесе уақытын ауыстыру: { $link }

request =
    { greeting } Өтінішіңізді алдық: { $business }.
    { line }
    { what }
    Бағасы: { $price }
    Жазылуыңызды растаған соң сізге хабарлаймыз.

confirmation =
    { greeting } Сіз жазылдыңыз: { $business }.
    Сізді { when } күтеміз.
    { what }
    Бағасы: { $price }

moved =
    { greeting } Жазылуыңыздың уақыты ауыстырылды: { $business }.
    Бұрынғы уақыты: { $old }
    Жаңа уақыты: { line }
    { what }

cancelled-by-client =
    { $business }: сіз жазылудан бас тарттыңыз.
    { line }
    { what }
    Сізді тағы да күтеміз.

cancelled-by-salon =
    { $business }: өкінішке қарай, жазылуыңыз жойылды.
    { line }
    { what }
    Басқа уақытты таңдау үшін осы хабарламаға жауап жазыңыз.

# Later than on the day itself the date is named: a reminder that was held up would lie with "tomorrow".
reminder =
    { $days ->
        [0] Еске саламыз: сізді бүгін сағат { $at } күтеміз, { $business }.
       *[other] Еске саламыз: сізді { when } күтеміз, { $business }.
    }
    { what }

expired =
    { greeting } Өтінішіңіз уақытында расталмады және енді жарамсыз: { $business }.
    { line }
    { what }
    Басқа уақытты таңдау үшін осы хабарламаға жауап жазыңыз.

code =
    { $purpose ->
        [reset] { $code } — құпиясөзді ауыстыру коды, { $business }.
       *[login] { $code } — жүйеге кіру коды, { $business }.
    }
    Код { $minutes } минут жарамды. Оны ешкімге айтпаңыз.

invitation =
    { greeting } { $business } сізді өз командасына шақырады.
    Шақыруды қабылдау: { $link }
    Сілтеме { $days } күн жарамды.

test = Тексеру хабарламасы: { $business }. Оны көріп тұрсаңыз, WhatsApp қосылған.

stopped = { $business }: жақсы, енді сізге жазбаймыз. Хабарламаларды қайта алғыңыз келсе, БАСТАУ деп жазыңыз.

started = { $business }: жазылуларыңыз туралы хабарламаларды қайта аласыз. Бас тарту үшін ТОҚТАТ деп жазыңыз.

chat-thanks = Рақмет! Сізді { when } күтеміз, { $business }.

chat-ask-cancel =
    { $business }: { line }. Осы жазылудан бас тартасыз ба?
    Бас тарту үшін тағы бір рет 2 немесе БАС ТАРТУ деп жауап беріңіз. Келсеңіз, 1 деп жауап беріңіз.

chat-cannot-cancel =
    { line }: бұл жазылудан мұнда енді бас тартуға болмайды, уақыт тым аз қалды.
    Бізге қоңырау шалыңыз: { $phone }, { $business }.
