#include "json/number.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace narthex {

namespace {

char* put(char* out, const char* text) {
    size_t n = std::strlen(text);
    std::memcpy(out, text, n);
    return out + n;
}

bool write_special(char*& out, double v) {
    if (std::isfinite(v)) return false;
    out = put(out, std::isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
    return true;
}

bool write_integer(char*& out, double v) {
    if (!(std::fabs(v) < 1e15) || v != std::trunc(v) || (v == 0 && std::signbit(v))) return false;
    out = std::to_chars(out, out + 20, static_cast<int64_t>(v)).ptr;
    return true;
}

// Values with up to six decimals, the usual case of gauges. r / 10^6 is the double nearest to the decimal r *
// 10^-6, and two decimals of at most 15 digits never share a double, so these digits are the shortest.
bool write_short_decimal(char*& out, double v) {
    constexpr double kScale = 1e6;
    double magnitude = std::fabs(v), r = std::nearbyint(magnitude * kScale);
    if (!(r < 1e15) || r < 1 || r / kScale != magnitude) return false;
    if (std::signbit(v)) *out++ = '-';
    auto scaled = static_cast<uint64_t>(r);
    out = std::to_chars(out, out + 20, scaled / 1000000).ptr;
    auto rest = static_cast<uint32_t>(scaled % 1000000);
    *out = '.';
    for (int i = 6; i > 0; --i, rest /= 10) out[i] = static_cast<char>('0' + rest % 10);
    out += 7;
    while (out[-1] == '0') --out;
    return true;
}

// The shortest digits of a finite number and the place of its decimal point (value = 0.digits * 10^point).
struct Digits {
    char text[24];
    size_t count = 0;
    int point = 0;
};

Digits shortest(double magnitude) {
    char buffer[40];
    char* end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, std::chars_format::scientific).ptr;
    Digits d;
    char* p = buffer;
    for (; p < end && *p != 'e'; ++p) {
        if (*p != '.') d.text[d.count++] = *p;
    }
    int exponent = 0;
    std::from_chars(p[1] == '+' ? p + 2 : p + 1, end, exponent);
    d.point = exponent + 1;
    return d;
}

char* write_fixed(char* out, const Digits& d) {
    auto count = static_cast<int>(d.count);
    if (d.point <= 0) {
        out = put(out, "0.");
        for (int i = d.point; i < 0; ++i) *out++ = '0';
        std::memcpy(out, d.text, d.count);
        return out + d.count;
    }
    for (int i = 0; i < count; ++i) {
        if (i == d.point) *out++ = '.';
        *out++ = d.text[i];
    }
    for (int i = count; i < d.point; ++i) *out++ = '0';
    return out;
}

char* write_scientific(char* out, const Digits& d) {
    *out++ = d.text[0];
    if (d.count > 1) {
        *out++ = '.';
        std::memcpy(out, d.text + 1, d.count - 1);
        out += d.count - 1;
    }
    int exponent = d.point - 1;
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    return std::to_chars(out, out + 8, exponent < 0 ? -exponent : exponent).ptr;
}

}  // namespace

char* write_value(char* out, double v) {
    if (write_special(out, v) || write_integer(out, v) || write_short_decimal(out, v)) return out;
    double magnitude = std::fabs(v);
    // Below 2^53 the digits of the fixed form are the shortest ones.
    if (magnitude >= 1e-6 && magnitude < 0x1p53)
        return std::to_chars(out, out + 32, v, std::chars_format::fixed).ptr;
    if (std::signbit(v)) *out++ = '-';
    if (magnitude == 0) return put(out, "0");
    Digits d = shortest(magnitude);
    return magnitude < 1e-6 || magnitude >= 1e21 ? write_scientific(out, d) : write_fixed(out, d);
}

char* write_plain(char* out, double v) {
    if (write_special(out, v) || write_integer(out, v)) return out;
    if (std::signbit(v)) *out++ = '-';
    double magnitude = std::fabs(v);
    return magnitude == 0 ? put(out, "0") : write_fixed(out, shortest(magnitude));
}

char* write_general(char* out, double v) {
    if (write_special(out, v)) return out;
    double magnitude = std::fabs(v);
    bool fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e6);
    auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
    return std::to_chars(out, out + 32, v, format).ptr;
}

std::string format_plain(double v) {
    char buffer[kNumberSpace];
    return {buffer, write_plain(buffer, v)};
}

char* write_seconds(char* out, int64_t ms) {
    uint64_t magnitude = ms < 0 ? 0 - static_cast<uint64_t>(ms) : static_cast<uint64_t>(ms);
    if (ms < 0) *out++ = '-';
    out = std::to_chars(out, out + 20, magnitude / 1000).ptr;
    auto part = static_cast<unsigned>(magnitude % 1000);
    if (part == 0) return out;
    *out++ = '.';
    *out++ = static_cast<char>('0' + part / 100);
    *out++ = static_cast<char>('0' + part / 10 % 10);
    *out++ = static_cast<char>('0' + part % 10);
    return out;
}

}  // namespace narthex
