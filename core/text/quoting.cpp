#include "text/quoting.h"

#include <algorithm>

#include "text/series_text.h"

namespace narthex {

namespace {

// The letter after the backslash for those control characters that have one, else 0.
char escape_letter(char c) {
    switch (c) {
        case '\a':
            return 'a';
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        case '\v':
            return 'v';
        case '"':
        case '\\':
            return c;
        default:
            return 0;
    }
}

}  // namespace

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void quote_ascii(std::string_view text, std::string& out) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += '"';
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (char letter = escape_letter(c)) {
            out += '\\';
            out += letter;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

void quote(std::string_view text, const QuotedTexts& quoted, std::string& out) {
    if (!is_ascii(text)) {
        auto known = quoted.find(std::string(text));
        if (known != quoted.end()) {
            out += known->second;
            return;
        }
    }
    quote_ascii(text, out);
}

bool is_plain_label_name(std::string_view name) {
    return !name.empty() && is_name_start(name.front()) &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_name_char(c); });
}

}  // namespace narthex
