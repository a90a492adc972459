#include "json/result.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

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
constexpr size_t kSecondsSpace = 24;

// What stands before the points of a row, which may be the first of the list.
void write_matrix_head(std::string& out, const LabelSets& rows, size_t row, bool first) {
    out += first ? "{\"metric\":" : ",{\"metric\":";
    write_labels(out, rows, row);
    out += ",\"values\":[";
}

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

MatrixJson::MatrixJson(const LabelSets& rows, const double* cells, const StepGrid& grid, RowRange range)
    : range_(range), ends_(range.last == rows.rows()), cells_(cells), steps_(grid.count) {
    times_.resize(steps_ * kTimeSpace);
    size_t longest = 0;
    for (size_t k = 0; k < steps_; ++k) {
        char* begin = times_.data() + k * kTimeSpace;
        char* end = begin;
        *end++ = '[';
        end = write_seconds(end, grid.at(k));
        *end++ = ',';
        *end++ = '"';
        time_sizes_.push_back(static_cast<uint8_t>(end - begin));
        longest = std::max(longest, static_cast<size_t>(end - begin));
    }
    size_t points = 0;
    for (size_t i = range.first; i < range.last; ++i) {
        size_t present = 0;
        for (size_t k = 0; k < steps_; ++k) present += !is_stale(cells[i * steps_ + k]);
        if (present > 0) write_matrix_head(heads_, rows, i, range.first == 0 && heads_.empty());
        head_ends_.push_back(heads_.size());
        points += present;
    }
    // A time is copied as kTimeSpace bytes, whatever its size.
    bound_ = heads_.size() + points * (longest + kPointSpace) + head_ends_.size() * 2 + 2 + kTimeSpace;
}

char* MatrixJson::write(char* out) const {
    if (range_.first == 0) *out++ = '[';
    size_t head = 0;
    for (size_t i = range_.first; i < range_.last; ++i) {
        size_t size = head_ends_[i - range_.first] - head;
        if (size == 0) continue;
        std::memcpy(out, heads_.data() + head, size);
        out += size;
        head += size;
        const double* cells = cells_ + i * steps_;
        // The text of a value that comes again is copied, since most of the work is in finding its digits.
        uint64_t last = kStaleNaNBits;
        const char* text = nullptr;
        size_t length = 0;
        for (size_t k = 0; k < steps_; ++k) {
            auto bits = std::bit_cast<uint64_t>(cells[k]);
            if (bits == kStaleNaNBits) continue;
            std::memcpy(out, times_.data() + k * kTimeSpace, kTimeSpace);
            out += time_sizes_[k];
            if (bits == last) {
                out = std::copy_n(text, length, out);
                continue;
            }
            last = bits;
            text = out;
            out = std::copy_n("\"],", 3, write_value(out, cells[k]));
            length = static_cast<size_t>(out - text);
        }
        out[-1] = ']';  // in place of the last comma
        *out++ = '}';
    }
    if (ends_) *out++ = ']';
    return out;
}

SamplesJson::SamplesJson(const LabelSets& rows, std::span<const uint64_t> offsets, const int64_t* times,
                         const double* values)
    : offsets_(offsets), times_(times), values_(values) {
    size_t points = 0;
    for (size_t i = 0; i < rows.rows(); ++i) {
        size_t count = offsets[i + 1] - offsets[i];
        if (count > 0) write_matrix_head(heads_, rows, i, heads_.empty());
        head_ends_.push_back(heads_.size());
        points += count;
    }
    bound_ = heads_.size() + points * (kSecondsSpace + 3 + kPointSpace) + rows.rows() * 2 + 2;
}

char* SamplesJson::write(char* out) const {
    *out++ = '[';
    size_t head = 0;
    for (size_t i = 0; i < head_ends_.size(); ++i) {
        size_t size = head_ends_[i] - head;
        if (size == 0) continue;
        out = std::copy_n(heads_.data() + head, size, out);
        head += size;
        for (size_t k = offsets_[i]; k < offsets_[i + 1]; ++k) {
            *out++ = '[';
            out = std::copy_n(",\"", 2, write_seconds(out, times_[k]));
            out = std::copy_n("\"],", 3, write_value(out, values_[k]));
        }
        out[-1] = ']';  // in place of the last comma
        *out++ = '}';
    }
    *out++ = ']';
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
