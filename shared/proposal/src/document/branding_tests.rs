use super::{BrandingError, Colour, LEAST_CONTRAST, Logo, LogoKind, MAX_LOGO_BYTES, PNG_SIGNATURE};

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
        assert_eq!(error, BrandingError::Colour(wrong.to_owned()));
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

fn png(width: u32, height: u32) -> Vec<u8> {
    let parts = [
        &PNG_SIGNATURE[..],
        &13u32.to_be_bytes(),
        b"IHDR",
        &width.to_be_bytes(),
        &height.to_be_bytes(),
    ];
    parts.concat()
}

#[test]
fn logos_are_looked_at() {
    let svg = |inside: &str| format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{inside}</svg>").into_bytes();
    assert_eq!(Logo::new(png(10, 10)).unwrap().kind(), LogoKind::Png);
    let fine = svg("<path fill=\"url(#a)\"/><a xlink:href=\"#b\"/>");
    assert_eq!(Logo::new(fine).unwrap().kind(), LogoKind::Svg);
    // What drawing programs leave behind.
    let fine = svg("<sodipodi:namedview/><metadata><rdf:RDF><cc:Work/></rdf:RDF></metadata><path/>");
    assert_eq!(Logo::new(fine).unwrap().kind(), LogoKind::Svg);
    let refused = [
        vec![b' '; MAX_LOGO_BYTES + 1],
        b"GIF89a".to_vec(),
        vec![0xff, 0xfe],
        png(0, 10),
        png(10, 4_001),
        PNG_SIGNATURE.to_vec(),
        svg("<TEXT>a</TEXT>"),
        svg("<script/>"),
        svg("<use href=\"#a\"/>"),
        svg("<s:use xmlns:s='http://www.w3.org/2000/svg' s:href='#a'/>"),
        svg("<s:filter/>"),
        svg("</x.y:Image>"),
        svg("<path style=\"fill:url(http://a)\"/>"),
        svg("<a href='file:///etc/passwd'/>"),
        svg("<!DOCTYPE x>"),
    ];
    for bytes in refused {
        let shown = String::from_utf8_lossy(&bytes).chars().take(80).collect::<String>();
        assert!(Logo::new(bytes).is_err(), "{shown}");
    }
}
