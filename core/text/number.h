// Numbers of the exposition formats, read as Prometheus reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace narthex {

// A decimal float by the rules of Go's strconv.ParseFloat, less what Prometheus refuses (hexadecimal, '_'):
// optional sign, digits with an optional point, optional exponent; inf and infinity with an optional sign and
// nan without one, in any case. Too large is no number, too small is zero. Every NaN has the bits
// kNormalNaNBits. The whole text must be the number.
std::optional<double> parse_float(std::string_view text);

// Digits only (no sign), at most 2^63 - 1.
std::optional<int64_t> parse_digits(std::string_view text);

// Float seconds (OpenMetrics) as milliseconds, cut towards zero. None when not finite or out of int64's
// range.
std::optional<int64_t> parse_seconds(std::string_view text);

inline constexpr size_t kShortestSpace = 32;

// The shortest digits that read back to the same double, with an exponent from 10^6 on and below 10^-4 (Go's
// 'g' with precision -1): 1, 0.0001, 1e-05, 1e+06; NaN, +Inf, -Inf. Writes at most kShortestSpace bytes,
// gives the end.
char* write_shortest(char* out, double value);

// The text that OpenMetrics gives a float: the same with a point or an exponent always (1 -> 1.0).
std::string openmetrics_float(double value);

// Reads the plain decimals that make up nearly every body ([-]ddd[.ddd], at most 15 digits) without looking
// for the token's end first. Gives the byte after the number, or nullptr when the text has another form; then
// the caller finds the token's end and asks parse_float.
inline const char* parse_plain_decimal(const char* p, const char* end, double& value) {
    // Exact: a mantissa below 2^53 divided by a power of ten up to 10^22 rounds only once (Clinger 1990).
    static constexpr double kPower[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                        1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = p < end && *p == '-';
    const char* start = p + negative;
    const char* q = start;
    uint64_t mantissa = 0;
    while (q < end && static_cast<unsigned char>(*q - '0') < 10) {
        if (q - start >= 15) return nullptr;
        mantissa = mantissa * 10 + static_cast<unsigned char>(*q++ - '0');
    }
    if (q == start) return nullptr;
    double result = static_cast<double>(mantissa);
    if (q < end && *q == '.') {
        const char* point = q++;
        while (q < end && static_cast<unsigned char>(*q - '0') < 10) {
            if (q - start >= 16) return nullptr;
            mantissa = mantissa * 10 + static_cast<unsigned char>(*q++ - '0');
        }
        result = static_cast<double>(mantissa) / kPower[q - point - 1];
    }
    if (q < end && *q != '\n' && *q != ' ' && *q != '\t') return nullptr;
    value = negative ? -result : result;
    return q;
}

}  // namespace narthex
