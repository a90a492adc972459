// Numbers of the exposition formats, read as Prometheus reads them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
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

// The decimal digits at the beginning of eight bytes, as a number, and how many they are. Eight at a time
// without a branch a digit: D. Lemire, "Quickly parsing eight digits", 2022.
inline uint64_t leading_digits(const char* p, unsigned& count) {
    static_assert(std::endian::native == std::endian::little);
    uint64_t x;
    std::memcpy(&x, p, sizeof x);
    x ^= 0x3030303030303030;  // digits become 0 to 9
    // The carry of a byte that is no digit spoils only those behind it.
    uint64_t others = ((x + 0x7676767676767676) | x) & 0x8080808080808080;
    count = others == 0 ? 8 : static_cast<unsigned>(std::countr_zero(others)) / 8;
    if (count == 0) return 0;
    x <<= 8 * (8 - count);  // zeros in front
    x = ((x * (1 + (10 << 8))) >> 8) & 0x00ff00ff00ff00ff;
    x = ((x * (1 + (100 << 16))) >> 16) & 0x0000ffff0000ffff;
    return (x * (1 + (uint64_t{10000} << 32))) >> 32;
}

// Adds the digits from p on to `mantissa`; stops at `end` and soon behind the sixteenth.
inline const char* read_digits(const char* p, const char* end, uint64_t& mantissa) {
    static constexpr uint64_t kPower[] = {1,       10,        100,        1'000,      10'000,
                                          100'000, 1'000'000, 10'000'000, 100'000'000};
    for (int words = 0; words < 2 && end - p >= 8; ++words) {
        unsigned count;
        uint64_t digits = leading_digits(p, count);
        mantissa = mantissa * kPower[count] + digits;
        p += count;
        if (count < 8) return p;
    }
    for (int more = 0; more < 8 && p < end && static_cast<unsigned char>(*p - '0') < 10; ++more) {
        mantissa = mantissa * 10 + static_cast<unsigned char>(*p++ - '0');
    }
    return p;
}

// Reads the plain decimals that make up nearly every body ([-]ddd[.ddd], at most 15 digits) without looking
// for the token's end first. Gives the byte after the number, or nullptr when the text has another form; then
// the caller finds the token's end and asks parse_float.
inline const char* parse_plain_decimal(const char* p, const char* end, double& value) {
    // Exact: a mantissa below 2^53 divided by a power of ten up to 10^22 rounds only once (Clinger 1990).
    static constexpr double kPower[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                        1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = p < end && *p == '-';
    const char* start = p + negative;
    uint64_t mantissa = 0;
    const char* q = read_digits(start, end, mantissa);
    if (q == start || q - start > 15) return nullptr;
    double result = static_cast<double>(mantissa);
    if (q < end && *q == '.') {
        const char* point = q + 1;
        q = read_digits(point, end, mantissa);
        if (q - start > 16) return nullptr;
        result = static_cast<double>(mantissa) / kPower[q - point];
    }
    if (q < end && *q != '\n' && *q != ' ' && *q != '\t') return nullptr;
    value = negative ? -result : result;
    return q;
}

}  // namespace narthex
