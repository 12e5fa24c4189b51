//! Problems for people: whoever asks with a browser gets a page, or the form for the token, instead of JSON.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;

use super::frame::Page;
use crate::{
    problem::{Code, Problem},
    state::ApiState,
};

/// The path of the form.
const LOGIN: &str = "/login";

fn is_for_people(request: &Request) -> bool {
    accepts_html(request.headers()) && !request.uri().path().starts_with("/api/")
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/html"))
}

/// Answers browsers with pages where others get problem details.
pub(crate) async fn for_people(request: Request, next: Next) -> Response {
    let (for_people, at_login) = (is_for_people(&request), request.uri().path() == LOGIN);
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>().filter(|_| for_people) else {
        return response;
    };
    if problem.code() == Code::Unauthorized && !at_login {
        return Redirect::to(LOGIN).into_response();
    }
    let status = response.status();
    let page = match problem.code() {
        Code::Unauthorized => form(Some(&problem.body().detail)),
        _ => told(&problem),
    };
    let mut answer = (status, page).into_response();
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    answer
}

fn told(problem: &Problem) -> Page {
    let body = problem.body();
    let content = html! {
        h1 { (capitalised(&body.title)) }
        p { (capitalised(&body.detail)) "." }
        p { a href="/" { "To the books" } }
    };
    Page::bare(&body.title, &content)
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The form; a server without tokens needs none.
pub(super) async fn login(State(state): State<ApiState>) -> Response {
    if state.config().tokens.is_empty() {
        return Redirect::to("/").into_response();
    }
    form(None).into_response()
}

fn form(problem: Option<&str>) -> Page {
    let content = html! {
        h1 { "Who are you?" }
        p { "This server wants one of its tokens." }
        @if let Some(problem) = problem { p.problem role="alert" { (capitalised(problem)) "." } }
        form.login method="post" action=(LOGIN) {
            label for="token" { "Token" }
            input #token type="password" name="token" required autocomplete="current-password" autofocus;
            button.first { "Go in" }
        }
        form.login method="post" action="/logout" { button { "Forget the token in this browser" } }
    };
    Page::bare("Token", &content)
}
