//! What a notice says, in its reader's language. Pure.

use crate::config::{NoticeText, PLACES, Telling, Words};
use crate::model::{Language, Outgoing, OutgoingKind, Template, Timestamp, TypePattern, lookup};

/// What is told where nothing is written.
struct Own {
    language: &'static str,
    subject: &'static str,
    lift: &'static str,
}

const OWN: [Own; 4] = [
    Own {
        language: "en",
        subject: "About your account at {source}",
        lift: "A person has looked at it again, and what we did is undone. We are sorry for the trouble.",
    },
    Own {
        language: "es",
        subject: "Sobre tu cuenta en {source}",
        lift: "Una persona lo ha revisado y hemos deshecho lo que hicimos. Disculpa las molestias.",
    },
    Own {
        language: "fr",
        subject: "À propos de votre compte chez {source}",
        lift: "Une personne a tout revu et ce que nous avions fait est annulé. Veuillez nous excuser.",
    },
    Own {
        language: "pt",
        subject: "Sobre a sua conta em {source}",
        lift: "Uma pessoa reviu o caso e o que fizemos foi desfeito. Pedimos desculpa pelo incómodo.",
    },
];
/// Of an action nothing is added to what the policy says.
const OWN_ACTION: &str = "{message}";
/// What stands between notices of one message.
const BETWEEN: &str = "\n\n-- \n\n";

/// All that a channel can say.
#[derive(Debug)]
pub(super) struct Wording {
    default: Option<Language>,
    notices: Vec<Notice>,
}

#[derive(Debug)]
struct Notice {
    on: On,
    subject: Texts,
    body: Texts,
}

#[derive(Debug)]
enum On {
    Action,
    Lift,
    Alert,
    Event(TypePattern),
}

/// One text, or one for each language; never empty.
#[derive(Debug)]
struct Texts(Vec<(Option<Language>, Template)>);

impl Wording {
    pub fn of(telling: &Telling) -> Self {
        let notices = match telling.notices.is_empty() {
            true => own(),
            false => telling.notices.iter().map(Notice::of).collect(),
        };
        Self { default: telling.default_language.clone(), notices }
    }

    /// Subject and body of one message about all of these.
    ///
    /// # Errors
    /// What has no words.
    pub fn of_all(&self, told: &[Outgoing]) -> Result<(String, String), String> {
        let mut said = Vec::with_capacity(told.len());
        for outgoing in told {
            let language = outgoing.notice.as_ref().and_then(|notice| notice.language.as_ref());
            let notice = self.notice(outgoing).ok_or_else(|| {
                format!("no text for this `{}`: add one to `notices`", outgoing.kind.as_str())
            })?;
            let say = |texts: &Texts| {
                let text = texts.in_language(language, self.default.as_ref());
                text.map_or_else(String::new, |text| text.render(|place| fill(place, outgoing)))
            };
            said.push((one_line(&say(&notice.subject)), say(&notice.body)));
        }
        let (subjects, bodies): (Vec<String>, Vec<String>) = said.into_iter().unzip();
        let first = subjects.into_iter().next().unwrap_or_default();
        let subject = match bodies.len() {
            0 | 1 => first,
            count => format!("{first} ({count})"),
        };
        Ok((subject, bodies.join(BETWEEN)))
    }

    fn notice(&self, outgoing: &Outgoing) -> Option<&Notice> {
        let event_type = outgoing.notice.as_ref().map_or("", |notice| &notice.event_type);
        self.notices.iter().find(|notice| match (&notice.on, outgoing.kind) {
            (On::Action, OutgoingKind::Action)
            | (On::Lift, OutgoingKind::Lift)
            | (On::Alert, OutgoingKind::Alert) => true,
            (On::Event(pattern), OutgoingKind::Notice) => pattern.matches(event_type),
            _ => false,
        })
    }
}

impl Notice {
    fn of(written: &NoticeText) -> Self {
        let on = match written.on.as_str() {
            "action" => On::Action,
            "lift" => On::Lift,
            "alert" => On::Alert,
            other => other.parse().map_or(On::Action, On::Event),
        };
        let subject = written.subject.as_ref().map_or_else(|| Texts(Vec::new()), Texts::of);
        Self { on, subject, body: Texts::of(&written.body) }
    }
}

impl Texts {
    fn of(words: &Words) -> Self {
        let read = |(language, text): (Option<&Language>, &str)| {
            (language.cloned(), Template::lenient(text, &PLACES))
        };
        Self(words.iter().map(read).collect())
    }

    fn in_language(
        &self,
        wanted: Option<&Language>,
        default: Option<&Language>,
    ) -> Option<&Template> {
        let all = self.0.iter().filter_map(|(language, text)| Some((language.as_ref()?, text)));
        let found = [wanted, default].into_iter().flatten();
        let found = found.filter_map(|language| lookup(language, all.clone())).next();
        found.or_else(|| self.0.first().map(|(_, text)| text))
    }
}

/// What is told where nothing is written.
fn own() -> Vec<Notice> {
    let read = |text: &str| Template::lenient(text, &PLACES);
    let each = |of: fn(&Own) -> &'static str| {
        Texts(OWN.iter().map(|own| (own.language.parse().ok(), read(of(own)))).collect())
    };
    let subject = || each(|own| own.subject);
    vec![
        Notice { on: On::Action, subject: subject(), body: Texts(vec![(None, read(OWN_ACTION))]) },
        Notice { on: On::Lift, subject: subject(), body: each(|own| own.lift) },
    ]
}

fn fill(place: &str, outgoing: &Outgoing) -> String {
    let until = |end: Timestamp| end.to_minute();
    match place {
        "message" => outgoing.message.clone().unwrap_or_default(),
        "action" => outgoing.action.as_str().replace('_', " "),
        "scope" => outgoing.scope.as_str().to_owned(),
        "until" => outgoing.expires_at.map_or_else(|| "-".to_owned(), until),
        "reason" => outgoing.reason.clone(),
        "type" => outgoing.notice.as_ref().map_or_else(String::new, |it| it.event_type.clone()),
        "event" => outgoing.event_id.clone(),
        "subject" => outgoing.subject.clone(),
        "source" => outgoing.source.clone(),
        _ => outgoing.decision_id.to_string(),
    }
}

/// As a header may have it: line breaks and what else steers a terminal are blanks.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
