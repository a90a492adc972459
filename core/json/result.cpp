#include "json/result.h"

#include <array>
#include <cstring>
#include <vector>

#include "chunk/stale.h"
#include "json/number.h"

namespace narthex {

namespace {

constexpr std::array<bool, 256> make_plain() {
    std::array<bool, 256> plain{};
    for (size_t c = 0x20; c < 256; ++c) plain[c] = c != '"' && c != '\\';
    return plain;
}
constexpr std::array<bool, 256> kPlain = make_plain();

void write_escaped(std::string& out, unsigned char c) {
    static constexpr char kHex[] = "0123456789abcdef";
    switch (c) {
        case '"':
        case '\\':
            out += '\\';
            out += static_cast<char>(c);
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            out += "\\u00";
            out += kHex[c >> 4];
            out += kHex[c & 15];
    }
}

void write_point(std::string& out, int64_t t, double value) {
    char buffer[96];
    char* p = buffer;
    *p++ = '[';
    p = write_seconds(p, t);
    *p++ = ',';
    *p++ = '"';
    p = write_value(p, value);
    *p++ = '"';
    *p++ = ']';
    out.append(buffer, static_cast<size_t>(p - buffer));
}

// A value, its quote, bracket and comma: write_value takes at most 32 bytes.
constexpr size_t kPointSpace = 35;

// The times of a grid as "[t," texts, made once for all rows.
struct Times {
    explicit Times(const StepGrid& grid) {
        char buffer[32];
        offsets.push_back(0);
        for (size_t k = 0; k < grid.count; ++k) {
            text += '[';
            text.append(buffer, static_cast<size_t>(write_seconds(buffer, grid.at(k)) - buffer));
            text += ",\"";
            offsets.push_back(text.size());
        }
    }
    std::string_view at(size_t k) const {
        return std::string_view(text).substr(offsets[k], offsets[k + 1] - offsets[k]);
    }
    std::string text;
    std::vector<size_t> offsets;
};

}  // namespace

void write_string(std::string& out, std::string_view s) {
    out += '"';
    size_t from = 0;
    for (size_t i = 0; i < s.size(); ++i) {
        auto c = static_cast<unsigned char>(s[i]);
        if (kPlain[c]) continue;
        out.append(s.substr(from, i - from));
        write_escaped(out, c);
        from = i + 1;
    }
    out.append(s.substr(from));
    out += '"';
}

void write_labels(std::string& out, const LabelSets& rows, size_t row) {
    out += '{';
    bool first = true;
    for (LabelPair p : rows.row(row)) {
        if (!first) out += ',';
        first = false;
        write_string(out, rows.text(p.name));
        out += ':';
        write_string(out, rows.text(p.value));
    }
    out += '}';
}

std::string matrix_json(const LabelSets& rows, const double* cells, const StepGrid& grid) {
    std::string out = "[";
    Times times(grid);
    for (size_t i = 0; i < rows.rows(); ++i, cells += grid.count) {
        bool any = false;
        size_t start = 0;
        char* p = nullptr;
        for (size_t k = 0; k < grid.count; ++k) {
            if (is_stale(cells[k])) continue;
            if (!any) {
                out += out.size() > 1 ? ",{\"metric\":" : "{\"metric\":";
                write_labels(out, rows, i);
                out += ",\"values\":[";
                any = true;
                // Room for the whole row, so that points are written without a check each.
                start = out.size();
                out.resize(start + times.text.size() + grid.count * kPointSpace);
                p = out.data() + start;
            } else {
                *p++ = ',';
            }
            std::string_view time = times.at(k);
            std::memcpy(p, time.data(), time.size());
            p = write_value(p + time.size(), cells[k]);
            *p++ = '"';
            *p++ = ']';
        }
        if (any) {
            out.resize(static_cast<size_t>(p - out.data()));
            out += "]}";
        }
    }
    out += ']';
    return out;
}

std::string vector_json(const LabelSets& rows, const double* cells, int64_t t) {
    std::string out = "[";
    for (size_t i = 0; i < rows.rows(); ++i) {
        if (is_stale(cells[i])) continue;
        out += out.size() > 1 ? ",{\"metric\":" : "{\"metric\":";
        write_labels(out, rows, i);
        out += ",\"value\":";
        write_point(out, t, cells[i]);
        out += '}';
    }
    out += ']';
    return out;
}

std::string point_json(int64_t t, double value) {
    std::string out;
    write_point(out, t, value);
    return out;
}

std::string text_json(int64_t t, std::string_view text) {
    char buffer[32];
    std::string out = "[";
    out.append(buffer, static_cast<size_t>(write_seconds(buffer, t) - buffer));
    out += ',';
    write_string(out, text);
    out += ']';
    return out;
}

}  // namespace narthex
