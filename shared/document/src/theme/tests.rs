use super::{Colour, LEAST_CONTRAST, ThemeError};

#[test]
fn colours_are_six_digits() {
    assert_eq!("#1F3a5f".parse::<Colour>().unwrap().to_string(), "#1f3a5f");
    for wrong in [
        "",
        "#fff",
        "1f3a5f",
        "#1f3a5g",
        "#1f3a5f00",
        "#+12345",
        "red",
        "#１２３４５６",
        "rgb(\"x\")",
    ] {
        let error = wrong.parse::<Colour>().unwrap_err();
        assert_eq!(error, ThemeError::Colour(wrong.to_owned()));
    }
}

#[test]
fn text_is_readable_in_any_colour() {
    for given in ["#ffffff", "#ffff00", "#000000", "#1f3a5f", "#ff8800", "#010101"] {
        let colour: Colour = given.parse().unwrap();
        assert!(colour.for_text().contrast(Colour::WHITE) >= LEAST_CONTRAST, "{given}");
    }
    let dark: Colour = "#1f3a5f".parse().unwrap();
    assert_eq!(dark.for_text(), dark);
}
