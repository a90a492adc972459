// The part of an exposition line that names a series: metric name and label pairs, up to the value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace narthex {

// kText is the text format 0.0.4 and 1.0.0 (quoted names are understood in both); kOpenMetrics is 1.0.0 and
// 0.0.1.
enum class TextFormat : uint8_t { kText, kOpenMetrics };

// What is wrong with a line, and the byte at which it shows. Whoever knows the body's start and the line
// number turns it into a DecodeError.
struct LineError {
    const char* at;
    std::string reason;
};

// A label as it stands in the body: without its quotes, escapes not yet resolved. The metric's name has the
// label name __name__.
struct RawLabel {
    std::string_view name;
    std::string_view value;
};

// Reads a series from p on and gives the byte after it. `labels` is cleared first, then holds the pairs in
// the order of the line, empty values included. Throws LineError: bad grammar, a name twice, invalid UTF-8,
// no metric name. kText allows blanks (space, tab) between tokens, kOpenMetrics does not.
const char* parse_series(const char* p, const char* end, TextFormat format, std::vector<RawLabel>& labels);

// Reads `{name="value",...}` without a metric name, as exemplars have it; p is at the brace.
const char* parse_label_pairs(const char* p, const char* end, TextFormat format,
                              std::vector<RawLabel>& labels);

// Where a series starting at p seems to end (quotes and braces are minded, nothing else is checked); nullptr
// when no end is found. For a series that parse_series accepts the two agree.
const char* skim_series(const char* p, const char* end);

// Resolves \\, \" and \n; any other backslash stays as it is.
std::string unescape(std::string_view raw);

// A short printable form of the line's text at `at`, quoted, for messages.
std::string excerpt(const char* at, const char* end);

inline bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
inline bool is_name_char(char c) {
    return is_name_start(c) || (c >= '0' && c <= '9');
}
// The end of a metric name that starts at p; p itself when there is none.
const char* metric_name_end(const char* p, const char* end);

// p is at a quote; gives the closing one. A backslash takes the next byte with it. `newline` says whether raw
// newlines may stand inside. Throws LineError when the string does not end.
const char* closing_quote(const char* p, const char* end, bool newline);

}  // namespace narthex
