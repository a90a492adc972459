// Text in double quotes as Go's strconv.Quote writes it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

namespace narthex {

// What is printable beyond ASCII is a matter of Unicode tables, which the core does not have: whoever wants
// such text quoted brings it along, each text with its quoted form.
using QuotedTexts = std::unordered_map<std::string, std::string>;

// Whether every byte is ASCII, so that quote_ascii can quote it.
bool is_ascii(std::string_view text);

// Appends the quoted form of ASCII text.
void quote_ascii(std::string_view text, std::string& out);

// The same for any text; one beyond ASCII that `quoted` does not have is quoted as it is, with only quotes
// and backslashes escaped.
void quote(std::string_view text, const QuotedTexts& quoted, std::string& out);

// A label name that needs no quotes: letters, digits and underscores, no digit first.
bool is_plain_label_name(std::string_view name);

}  // namespace narthex
