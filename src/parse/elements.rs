//! Names of elements by what they do to a page's structure and look.
//!
//! Tables only: which elements end SVG and MathML, and which separate visible text.

/// HTML elements that end any SVG or MathML they are found in: the start tags that the HTML
/// standard lists ("rules for parsing tokens in foreign content"), `font` aside.
pub(super) fn starts_break_out(name: &[u8]) -> bool {
    matches!(
        name,
        b"b" | b"big"
            | b"blockquote"
            | b"body"
            | b"br"
            | b"center"
            | b"code"
            | b"dd"
            | b"div"
            | b"dl"
            | b"dt"
            | b"em"
            | b"embed"
            | b"h1"
            | b"h2"
            | b"h3"
            | b"h4"
            | b"h5"
            | b"h6"
            | b"head"
            | b"hr"
            | b"i"
            | b"img"
            | b"li"
            | b"listing"
            | b"menu"
            | b"meta"
            | b"nobr"
            | b"ol"
            | b"p"
            | b"pre"
            | b"ruby"
            | b"s"
            | b"small"
            | b"span"
            | b"strong"
            | b"strike"
            | b"sub"
            | b"sup"
            | b"table"
            | b"tt"
            | b"u"
            | b"ul"
            | b"var"
    )
}

/// HTML elements whose end tags end any SVG or MathML left open within them. The standard looks
/// the element up among the open ones; we keep none and take it that it is there. The ends of body and
/// document close nothing.
pub(super) fn ends_break_out(name: &[u8]) -> bool {
    let is_start = starts_break_out(name) && !matches!(name, b"body" | b"head");
    is_start
        || matches!(
            name,
            b"article"
                | b"aside"
                | b"button"
                | b"details"
                | b"figure"
                | b"footer"
                | b"form"
                | b"header"
                | b"label"
                | b"main"
                | b"nav"
                | b"section"
                | b"summary"
                | b"tbody"
                | b"td"
                | b"th"
                | b"thead"
                | b"tr"
        )
}

/// Elements that stand on lines of their own in visible text.
pub(super) fn is_block(name: &[u8]) -> bool {
    matches!(
        name,
        b"address"
            | b"article"
            | b"aside"
            | b"blockquote"
            | b"body"
            | b"br"
            | b"caption"
            | b"center"
            | b"dd"
            | b"details"
            | b"dialog"
            | b"dir"
            | b"div"
            | b"dl"
            | b"dt"
            | b"fieldset"
            | b"figcaption"
            | b"figure"
            | b"footer"
            | b"form"
            | b"h1"
            | b"h2"
            | b"h3"
            | b"h4"
            | b"h5"
            | b"h6"
            | b"header"
            | b"hgroup"
            | b"hr"
            | b"html"
            | b"legend"
            | b"li"
            | b"listing"
            | b"main"
            | b"menu"
            | b"nav"
            | b"ol"
            | b"optgroup"
            | b"option"
            | b"p"
            | b"plaintext"
            | b"pre"
            | b"search"
            | b"section"
            | b"select"
            | b"summary"
            | b"table"
            | b"tbody"
            | b"tfoot"
            | b"thead"
            | b"tr"
            | b"ul"
            | b"xmp"
    )
}

/// Elements that are words of their own in visible text without being blocks.
pub(super) fn is_cell(name: &[u8]) -> bool {
    matches!(name, b"td" | b"th")
}

/// Elements whose start tag ends another of their like that was left open.
pub(super) fn is_item(name: &[u8]) -> bool {
    matches!(name, b"li" | b"dt" | b"dd" | b"td" | b"th" | b"tr" | b"option" | b"optgroup")
}

/// Elements of [`is_block`] that contain nothing and have no end tag.
pub(super) fn is_void(name: &[u8]) -> bool {
    matches!(name, b"br" | b"hr")
}
