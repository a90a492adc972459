#include "text/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "chunk/stale.h"

namespace narthex {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Whether `text` is `lower` in any case.
bool same_word(std::string_view text, std::string_view lower) {
    if (text.size() != lower.size()) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        if ((text[i] | 0x20) != lower[i]) return false;
    }
    return true;
}

// A valid decimal that does not fit a double: is it too small (zero) rather than too large? Only the sign of
// the decimal exponent of its first non-zero digit matters: both limits are hundreds of digits away.
bool is_underflow(std::string_view text) {
    size_t e = text.find_first_of("eE");
    std::string_view mantissa = text.substr(0, e);
    size_t point = mantissa.find('.');
    size_t first = mantissa.find_first_of("123456789");
    if (first == std::string_view::npos) return true;
    if (point == std::string_view::npos) point = mantissa.size();
    int64_t magnitude = static_cast<int64_t>(point) - static_cast<int64_t>(first);
    if (e == std::string_view::npos) return magnitude <= 0;
    std::string_view exponent = text.substr(e + 1);
    bool negative = exponent.front() == '-';
    if (negative || exponent.front() == '+') exponent.remove_prefix(1);
    int64_t power = 0;
    for (char c : exponent) {
        power = power * 10 + (c - '0');
        if (power > std::numeric_limits<int32_t>::max()) break;
    }
    return magnitude + (negative ? -power : power) <= 0;
}

}  // namespace

std::optional<double> parse_float(std::string_view text) {
    bool negative = false, sign = false;
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
        negative = text.front() == '-';
        sign = true;
        text.remove_prefix(1);
    }
    if (text.empty()) return std::nullopt;
    if (!is_digit(text.front()) && text.front() != '.') {
        if (same_word(text, "inf") || same_word(text, "infinity")) {
            double inf = std::numeric_limits<double>::infinity();
            return negative ? -inf : inf;
        }
        if (!sign && same_word(text, "nan")) return normal_nan();
        return std::nullopt;
    }
    double value = 0;
    auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (rest != text.data() + text.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) {
        if (!is_underflow(text)) return std::nullopt;
        value = 0;
    } else if (error != std::errc{}) {
        return std::nullopt;
    }
    return negative ? -value : value;
}

std::optional<int64_t> parse_digits(std::string_view text) {
    if (text.empty() || !is_digit(text.front())) return std::nullopt;
    int64_t value = 0;
    auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<int64_t> parse_seconds(std::string_view text) {
    std::optional<double> seconds = parse_float(text);
    if (!seconds) return std::nullopt;
    double ms = *seconds * 1000;
    // 2^63 is exact as a double; the comparison is false for NaN.
    if (!(ms > -9223372036854775808.0 && ms < 9223372036854775808.0)) return std::nullopt;
    return static_cast<int64_t>(ms);
}

char* write_shortest(char* out, double value) {
    if (!std::isfinite(value)) {
        std::string_view text = std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
        return std::copy(text.begin(), text.end(), out);
    }
    if (std::fabs(value) < 1e6 && value == std::trunc(value) && !(value == 0 && std::signbit(value)))
        return std::to_chars(out, out + kShortestSpace, static_cast<int32_t>(value)).ptr;
    // digits with a point after the first, then e and an exponent of at least two digits
    char* end = std::to_chars(out, out + kShortestSpace, value, std::chars_format::scientific).ptr;
    char* power = end - 1;
    while (*power != 'e') --power;
    int exponent = 0;
    std::from_chars(power[1] == '+' ? power + 2 : power + 1, end, exponent);
    if (exponent < -4 || exponent >= 6) return end;
    char* digits = out + std::signbit(value);
    size_t count = 1;  // of digits: the point is taken out
    for (char* p = digits + 2; p < power; ++p) digits[count++] = *p;
    if (exponent < 0) {
        auto zeros = static_cast<size_t>(-exponent);  // one before the point
        std::memmove(digits + 1 + zeros, digits, count);
        std::memset(digits, '0', 1 + zeros);
        digits[1] = '.';
        return digits + 1 + zeros + count;
    }
    auto whole = static_cast<size_t>(exponent) + 1;
    if (count < whole) {
        std::memset(digits + count, '0', whole - count);
        count = whole;
    }
    if (count == whole) return digits + count;
    std::memmove(digits + whole + 1, digits + whole, count - whole);
    digits[whole] = '.';
    return digits + count + 1;
}

std::string openmetrics_float(double value) {
    char buffer[kShortestSpace];
    std::string out(buffer, write_shortest(buffer, value));
    if (std::isfinite(value) && out.find_first_of(".e") == std::string::npos) out += ".0";
    return out;
}

}  // namespace narthex
