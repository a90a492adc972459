#include "otlp/any_value.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>

#include "bytes/utf8.h"
#include "json/number.h"

namespace narthex {

namespace {

enum class Kind { kNone, kString, kBool, kInt, kDouble, kList, kMap, kBytes };

// What an AnyValue holds: the last of its fields counts.
struct Value {
    Kind kind = Kind::kNone;
    std::string_view string;
    std::span<const uint8_t> bytes;
    uint64_t bits = 0;
    double number = 0;
    ProtoReader nested{std::span<const uint8_t>()};
};

std::string_view text_of(ProtoReader& in) {
    std::string_view text = in.string();
    if (!is_utf8(text)) in.fail("text is not UTF-8");
    return text;
}

Value read_value(ProtoReader& in) {
    Value v;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                v.kind = Kind::kString;
                v.string = text_of(in);
                break;
            case 2:
                v.kind = Kind::kBool;
                v.bits = in.boolean();
                break;
            case 3:
                v.kind = Kind::kInt;
                v.bits = in.uint64();
                break;
            case 4:
                v.kind = Kind::kDouble;
                v.number = in.float64();
                break;
            case 5:
                v.kind = Kind::kList;
                v.nested = in.message();
                break;
            case 6:
                v.kind = Kind::kMap;
                v.nested = in.message();
                break;
            case 7:
                v.kind = Kind::kBytes;
                v.bytes = in.bytes();
                break;
            default:
                in.skip();
        }
    }
    return v;
}

void append_base64(std::span<const uint8_t> bytes, std::string& out) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.size(); i += 3) {
        size_t n = std::min<size_t>(3, bytes.size() - i);
        uint32_t group = static_cast<uint32_t>(bytes[i]) << 16;
        if (n > 1) group |= static_cast<uint32_t>(bytes[i + 1]) << 8;
        if (n > 2) group |= bytes[i + 2];
        for (size_t k = 0; k < 4; ++k) out += k <= n ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
}

void append_number(double v, std::string& out) {
    char space[kNumberSpace];
    out.append(space, write_value(space, v));
}

// As Go's encoding/json: what HTML could take for markup is escaped, too.
void append_json_string(std::string_view s, std::string& out) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += '"';
    for (size_t i = 0; i < s.size(); ++i) {
        auto c = static_cast<unsigned char>(s[i]);
        switch (c) {
            case '"':
            case '\\':
                out += '\\';
                out += s[i];
                continue;
            case '\b':
                out += "\\b";
                continue;
            case '\f':
                out += "\\f";
                continue;
            case '\n':
                out += "\\n";
                continue;
            case '\r':
                out += "\\r";
                continue;
            case '\t':
                out += "\\t";
                continue;
            default:
                break;
        }
        if (c < 0x20 || c == '<' || c == '>' || c == '&') {
            out += "\\u00";
            out += kHex[c >> 4];
            out += kHex[c & 15];
        } else if (s.substr(i, 3) == "\u2028" || s.substr(i, 3) == "\u2029") {
            out += s[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else {
            out += s[i];
        }
    }
    out += '"';
}

bool append_json(ProtoReader in, std::string& out, int depth);

bool append_list(ProtoReader in, std::string& out, int depth) {
    bool sound = true;
    char before = '[';
    while (in.next()) {
        if (in.field() != 1) {
            in.skip();
            continue;
        }
        out += before;
        before = ',';
        sound &= append_json(in.message(), out, depth);
    }
    if (before == '[') out += '[';
    out += ']';
    return sound;
}

bool append_map(ProtoReader in, std::string& out, int depth) {
    bool sound = true;
    std::map<std::string_view, std::string> members;
    while (in.next()) {
        if (in.field() != 1) {
            in.skip();
            continue;
        }
        std::string_view key;
        std::string value = "null";
        ProtoReader member = in.message();
        while (member.next()) {
            if (member.field() == 1) {
                key = text_of(member);
            } else if (member.field() == 2) {
                value.clear();
                sound &= append_json(member.message(), value, depth);
            } else {
                member.skip();
            }
        }
        members.insert_or_assign(key, std::move(value));
    }
    char before = '{';
    for (const auto& [key, value] : members) {
        out += before;
        before = ',';
        append_json_string(key, out);
        out += ':';
        out += value;
    }
    if (before == '{') out += '{';
    out += '}';
    return sound;
}

// Whether it can be JSON at all: numbers must be finite.
bool append_json(ProtoReader in, std::string& out, int depth) {
    if (depth == 0) in.fail("attribute values nest too deep");
    Value v = read_value(in);
    switch (v.kind) {
        case Kind::kNone:
            out += "null";
            return true;
        case Kind::kString:
            append_json_string(v.string, out);
            return true;
        case Kind::kBool:
            out += v.bits ? "true" : "false";
            return true;
        case Kind::kInt:
            out += std::to_string(static_cast<int64_t>(v.bits));
            return true;
        case Kind::kDouble:
            append_number(v.number, out);
            return std::isfinite(v.number);
        case Kind::kBytes:
            out += '"';
            append_base64(v.bytes, out);
            out += '"';
            return true;
        case Kind::kList:
            return append_list(v.nested, out, depth - 1);
        case Kind::kMap:
            return append_map(v.nested, out, depth - 1);
    }
    return true;
}

}  // namespace

void append_any_value(ProtoReader in, std::string& out) {
    Value v = read_value(in);
    size_t start = out.size();
    switch (v.kind) {
        case Kind::kNone:
            return;
        case Kind::kString:
            out += v.string;
            return;
        case Kind::kBool:
            out += v.bits ? "true" : "false";
            return;
        case Kind::kInt:
            out += std::to_string(static_cast<int64_t>(v.bits));
            return;
        case Kind::kDouble:
            if (!std::isfinite(v.number)) out += "json: unsupported value: ";
            append_number(v.number, out);
            return;
        case Kind::kBytes:
            append_base64(v.bytes, out);
            return;
        case Kind::kList:
            if (!append_list(v.nested, out, kMostOtlpNesting)) out.resize(start);
            return;
        case Kind::kMap:
            if (!append_map(v.nested, out, kMostOtlpNesting)) out.resize(start);
            return;
    }
}

}  // namespace narthex
