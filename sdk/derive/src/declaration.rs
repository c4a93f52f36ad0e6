//! What stands in `#[input(...)]`, as an `InputDeclaration`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Error, LitInt, LitStr, Result, Token, bracketed};

/// What is written after the first word.
#[derive(Default)]
struct Parts {
    by: Option<LitStr>,
    window_s: Option<LitInt>,
    last: Option<LitInt>,
    events: Vec<LitStr>,
}

const KINDS: &str = "an input is a path such as \"data.content\", `list`, `recent`, or one of `count`, `sum`, \
                     `mean`, `distinct`, `first_seen` and `last_seen`";

pub fn parse(input: ParseStream<'_>) -> Result<TokenStream> {
    if input.peek(LitStr) {
        let path = text(input.parse()?)?;
        return Ok(quote!(::picket_sdk::InputDeclaration::Field {
            path: ::std::string::String::from(#path),
        }));
    }
    let kind: Ident = input.parse().map_err(|error| Error::new(error.span(), KINDS))?;
    let of = match input.peek(Token![=]) {
        true => {
            input.parse::<Token![=]>()?;
            Some(text(input.parse()?)?)
        }
        false => None,
    };
    let parts = parts(input)?;
    let needs = |what: &str| Error::new(kind.span(), format!("`{kind}` wants {what}"));
    let function = match kind.to_string().as_str() {
        "list" => {
            let name = of.ok_or_else(|| needs("a name: `list = \"known_phones\"`"))?;
            return Ok(quote!(::picket_sdk::InputDeclaration::List {
                name: ::std::string::String::from(#name),
            }));
        }
        "recent" => None,
        "count" => Some(quote!(Count)),
        "sum" => Some(quote!(Sum)),
        "mean" => Some(quote!(Mean)),
        "distinct" => Some(quote!(Distinct)),
        "first_seen" => Some(quote!(FirstSeen)),
        "last_seen" => Some(quote!(LastSeen)),
        _ => return Err(Error::new(kind.span(), KINDS)),
    };
    let by = parts.by.ok_or_else(|| needs("`by = \"subject\"`: whose past it is about"))?;
    let window_s =
        parts.window_s.ok_or_else(|| needs("`window_s = 3600`: how far it looks back"))?;
    let events = parts.events;
    let events = quote!(::std::vec![#(::std::string::String::from(#events)),*]);
    Ok(match function {
        Some(function) => {
            let of = match of {
                Some(of) => quote!(::std::option::Option::Some(::std::string::String::from(#of))),
                None => quote!(::std::option::Option::None),
            };
            quote!(::picket_sdk::InputDeclaration::Feature {
                function: ::picket_sdk::Function::#function,
                of: #of,
                by: ::std::string::String::from(#by),
                window_s: #window_s,
                events: #events,
            })
        }
        None => {
            let path = of.ok_or_else(|| needs("a path: `recent = \"data.content\"`"))?;
            let last = parts.last.ok_or_else(|| needs("`last = 5`: how many values"))?;
            quote!(::picket_sdk::InputDeclaration::Recent {
                path: ::std::string::String::from(#path),
                by: ::std::string::String::from(#by),
                last: #last,
                window_s: #window_s,
                events: #events,
            })
        }
    })
}

fn parts(input: ParseStream<'_>) -> Result<Parts> {
    let mut parts = Parts::default();
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            break;
        }
        let name: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        match name.to_string().as_str() {
            "by" => parts.by = Some(text(input.parse()?)?),
            "window_s" => parts.window_s = Some(input.parse()?),
            "last" => parts.last = Some(input.parse()?),
            "events" => {
                let list;
                bracketed!(list in input);
                let all = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
                parts.events = all.into_iter().collect();
            }
            _ => {
                let known = "known are `by`, `window_s`, `last` and `events`";
                return Err(Error::new(name.span(), known));
            }
        }
    }
    Ok(parts)
}

fn text(text: LitStr) -> Result<LitStr> {
    match text.value().is_empty() {
        true => Err(Error::new_spanned(text, "the path of an input is empty")),
        false => Ok(text),
    }
}
