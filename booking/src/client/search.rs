//! Finding people by any scrap of their name, in whichever alphabet it is typed.
//!
//! A name is folded to Latin letters that stand for sounds: `Жәния`, `Zhaniya` and `jania` are one. Both the names,
//! when they are written, and what is searched for go through [`fold`], so that a search is a comparison of plain text,
//! which either database does. Too many finds are better than a client who is not found.

use unicode_normalization::UnicodeNormalization;

/// The most words of a name that a search looks at.
pub(super) const MOST_WORDS: usize = 4;
/// The most characters of a search that are looked at.
const LONGEST: usize = 100;

/// Latin letters that together stand for one sound, longest first.
const DIGRAPHS: [(&str, &str); 14] = [
    ("shch", "s"),
    ("sch", "s"),
    ("dzh", "j"),
    ("sh", "s"),
    ("ch", "c"),
    ("zh", "j"),
    ("dj", "j"),
    ("kh", "h"),
    ("gh", "g"),
    ("ph", "f"),
    ("ts", "c"),
    ("tz", "c"),
    ("ck", "k"),
    ("x", "ks"),
];

/// What was typed into a search field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// Folded words of a name, in any order.
    pub(super) words: Vec<String>,
    /// Digits of a number, without gaps.
    pub(super) digits: Option<String>,
}

impl Search {
    /// Reads a search. Words of digits are a number, unless `numbers` are hidden from whoever searches: then they can
    /// only be part of a name.
    #[must_use]
    pub fn new(text: &str, numbers: bool) -> Self {
        let text: String = text.chars().take(LONGEST).collect();
        let is_number = |word: &&str| {
            word.contains(|character: char| character.is_ascii_digit())
                && word.chars().all(|character| character.is_ascii_digit() || "+()-./".contains(character))
        };
        let (numbers_typed, names): (Vec<&str>, Vec<&str>) =
            text.split_whitespace().partition(|word| numbers && is_number(word));
        let digits: String = numbers_typed.concat().chars().filter(char::is_ascii_digit).collect();
        let words = names.iter().flat_map(|name| fold(name)).take(MOST_WORDS).collect();
        Self { words, digits: (!digits.is_empty()).then_some(digits) }
    }

    /// Whether anything was typed that can be searched for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.digits.is_none()
    }

    /// The word at a place; nothing beyond the last.
    pub(super) fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }

    /// A number: as typed, and with the trunk prefix 8 read as the country code 7.
    pub(super) fn number(&self) -> Option<(String, String)> {
        let typed = self.digits.as_deref()?;
        let national = match typed.strip_prefix('8') {
            Some(rest) if rest.len() >= 3 => format!("7{rest}"),
            Some(_) | None => typed.to_owned(),
        };
        Some((typed.to_owned(), national))
    }
}

/// A name as it is kept for searches: its folded words, and for those that are spelled in two ways the other one too.
#[must_use]
pub fn key(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in name.split(|character: char| !is_word(character)).filter(|word| !word.is_empty()) {
        for folded in [Some(sounds(word)), otherwise(word).map(|other| sounds(&other))].into_iter().flatten() {
            if !folded.is_empty() && !words.contains(&folded) {
                words.push(folded);
            }
        }
    }
    words.join(" ")
}

/// The folded words of a text.
fn fold(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !is_word(character));
    words.map(sounds).filter(|word| !word.is_empty()).collect()
}

/// Apostrophes and marks belong to a word: `О’Хара`, and `й` as two characters.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '\'' | '’' | 'ʼ' | '\u{300}'..='\u{36f}')
}

/// One word in Latin letters, one for a sound, none twice in a row.
fn sounds(word: &str) -> String {
    let mut latin = String::with_capacity(word.len());
    let plain = word.nfd().filter(|character| !matches!(character, '\u{300}'..='\u{36f}'));
    for character in plain.flat_map(char::to_lowercase) {
        match letter(character) {
            Some(letters) => latin.push_str(letters),
            None if character.is_alphanumeric() => latin.push(character),
            None => {}
        }
    }
    let mut folded = String::with_capacity(latin.len());
    let mut rest = latin.as_str();
    while let Some(first) = rest.chars().next() {
        let digraph = DIGRAPHS.iter().find_map(|(from, to)| rest.strip_prefix(from).map(|rest| (*to, rest)));
        rest = if let Some((sound, after)) = digraph {
            sound.chars().for_each(|letter| once(&mut folded, letter));
            after
        } else {
            once(&mut folded, single(first));
            rest.get(first.len_utf8()..).unwrap_or_default()
        };
    }
    folded
}

/// Appends a letter, unless it is there already; each of two equal digits counts.
fn once(folded: &mut String, letter: char) {
    if !folded.ends_with(letter) || letter.is_ascii_digit() {
        folded.push(letter);
    }
}

/// Latin letters that are written for each other.
const fn single(letter: char) -> char {
    match letter {
        'y' => 'i',
        'w' => 'v',
        'q' => 'k',
        other => other,
    }
}

/// A Cyrillic letter, or a Latin one that no mark can be taken from, in Latin letters.
const fn letter(character: char) -> Option<&'static str> {
    Some(match character {
        'а' | 'ә' | 'ə' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ғ' => "g",
        'д' => "d",
        'е' | 'э' | 'є' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' | 'ы' | 'ı' => "i",
        'к' | 'қ' => "k",
        'л' => "l",
        'м' => "m",
        'н' | 'ң' | 'ŋ' => "n",
        'о' | 'ө' | 'ø' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' | 'ұ' | 'ү' | 'ў' => "u",
        'ф' => "f",
        'х' | 'һ' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ю' => "iu",
        'я' => "ia",
        'ъ' | 'ь' | '\'' | '’' | 'ʼ' => "",
        _ => return None,
    })
}

/// The other spelling of a word with a `ё`, an iotated `е`, or what is written for them in Latin letters: `Алёна` is
/// also `Alyona`, `Евгений` also `Yevgeny`. None for a word that is spelled in one way.
fn otherwise(word: &str) -> Option<String> {
    let word = word.nfc().flat_map(char::to_lowercase).collect::<String>();
    let mut other = String::with_capacity(word.len());
    let mut before = None;
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        let vowel = before.is_none_or(|before| "аәеёиоөуұүыіэюяьъ".contains(before));
        match (letter, letters.peek()) {
            ('ё', _) => other.push_str("yo"),
            ('е', _) if vowel => other.push_str("ye"),
            ('y', Some('o' | 'e')) => {
                letters.next();
                other.push('e');
            }
            _ => other.push(letter),
        }
        before = Some(letter);
    }
    (other != word).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(name: &str, typed: &str) -> bool {
        let (key, search) = (key(name), Search::new(typed, true));
        !search.words.is_empty() && search.words.iter().all(|word| key.contains(word))
    }

    #[test]
    fn kazakh_letters_are_found_by_their_russian_neighbours() {
        for (name, typed) in [
            ("Әйгерім", "айгерим"),
            ("Қанат", "канат"),
            ("Еңлік", "енлик"),
            ("Өмірзақ", "омирзак"),
            ("Ұлжан", "улжан"),
            ("Үміт", "умит"),
            ("Гүлнұр", "гулнур"),
            ("Һалида", "халида"),
            ("Ғалым", "галым"),
            ("Семён", "семен"),
            ("Семен", "семён"),
            ("Жәния", "жания"),
        ] {
            assert!(finds(name, typed), "{name} by {typed}: {}", key(name));
            assert!(finds(typed, name), "{typed} by {name}");
            assert!(finds(&name.to_uppercase(), typed), "{name}");
        }
    }

    #[test]
    fn names_are_found_in_either_alphabet() {
        for (cyrillic, latin) in [
            ("Айгерим", "Aigerim"),
            ("Айгерим", "Aygerim"),
            ("Жанна", "Zhanna"),
            ("Жанна", "Janna"),
            ("Жамиля", "Jamilya"),
            ("Джамиля", "Dzhamilya"),
            ("Нурхан", "Nurkhan"),
            ("Нұрхан", "Nurhan"),
            ("Шынар", "Shynar"),
            ("Чингиз", "Chingiz"),
            ("Щукин", "Shchukin"),
            ("Цой", "Tsoy"),
            ("Юлия", "Yuliya"),
            ("Юрий", "Yuri"),
            ("Дмитрий", "Dmitry"),
            ("Дмитрий", "Dmitriy"),
            ("Сергей", "Sergey"),
            ("Сергей", "Sergei"),
            ("Евгений", "Evgeny"),
            ("Евгений", "Yevgeniy"),
            ("Алёна", "Alyona"),
            ("Алёна", "Alena"),
            ("Баев", "Bayev"),
            ("Майоров", "Mayorov"),
            ("Қуаныш", "Quanysh"),
            ("Ғазиза", "Gaziza"),
            ("Ольга", "Olga"),
            ("Илья", "Ilya"),
            ("Александр", "Alexandr"),
        ] {
            assert!(finds(cyrillic, latin), "{cyrillic} by {latin}: {} / {:?}", key(cyrillic), fold(latin));
            assert!(finds(latin, cyrillic), "{latin} by {cyrillic}: {} / {:?}", key(latin), fold(cyrillic));
        }
    }

    #[test]
    fn any_part_in_any_order_is_enough() {
        assert!(finds("Сәтбаева Айгерим", "айг сатб"));
        assert!(finds("Сәтбаева Айгерим", "GERIM"));
        assert!(finds("О’Хара Жан-Клод", "охара"));
        assert!(finds("О’Хара Жан-Клод", "клод"));
        assert!(finds("Cемён Баев", "bay"));
        assert!(!finds("Айгерим", "Дмитрий"));
        assert!(!finds("Айгерим", "%"));
        assert!(Search::new("  ,;% ", true).is_empty());
    }

    #[test]
    fn digits_are_a_number_unless_numbers_are_hidden() {
        let number = |typed| Search::new(typed, true).number();
        let both = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
        assert_eq!(number("4567"), both("4567", "4567"));
        assert_eq!(number("+7 (777) 123-45-67"), both("77771234567", "77771234567"));
        assert_eq!(number("8777"), both("8777", "7777"));
        assert_eq!(number("87"), both("87", "87"));
        let mixed = Search::new("иван 45-67", true);
        assert_eq!((mixed.words.as_slice(), mixed.digits.as_deref()), (&["ivan".to_owned()][..], Some("4567")));
        let hidden = Search::new("иван 4567", false);
        assert_eq!((hidden.words.len(), hidden.digits), (2, None));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_becomes_few_plain_words(text in "\\PC{0,40}") {
            let search = Search::new(&text, true);
            let marks = search.words.iter().any(|word| word.contains(['%', '_', '\\', ' ']));
            proptest::prop_assert!(!marks && search.words.len() <= MOST_WORDS);
        }

        #[test]
        fn a_name_is_found_by_itself_and_by_its_beginning(name in "[А-Яа-яӘәҚқҢңӨөҰұҮүІіA-Za-z]{3,12}") {
            proptest::prop_assert!(finds(&name, &name));
        }
    }
}
