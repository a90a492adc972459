#include "text/series_text.h"

#include <algorithm>
#include <cstring>

#include "bytes/utf8.h"
#include "text/blank.h"

namespace narthex {

namespace {

constexpr std::string_view kMetricName = "__name__";
constexpr size_t kExcerpt = 40;

// Reads what stands between braces.
class LabelReader {
  public:
    LabelReader(const char* p, const char* end, TextFormat format, std::vector<RawLabel>& labels)
        : p_(p), end_(end), text_(format == TextFormat::kText), labels_(labels) {}

    // p is at '{'. `named` says that the metric's name came before; an exemplar takes none at all.
    const char* read(bool named, bool exemplar) {
        ++p_;
        skip_blanks();
        while (!at('}')) {
            read_item(named, exemplar);
            skip_blanks();
            if (at(',')) {
                ++p_;
                skip_blanks();
            } else if (!at('}')) {
                fail("expected \",\" or \"}\" after a label");
            }
        }
        return p_ + 1;
    }

  private:
    bool at(char c) const { return p_ < end_ && *p_ == c; }
    void skip_blanks() {
        while (text_ && p_ < end_ && is_blank(*p_)) ++p_;
    }
    [[noreturn]] void fail(const char* what) const {
        throw LineError{p_, std::string(what) + ", got " + excerpt(p_, end_)};
    }

    // name="value", or a quoted metric name alone.
    void read_item(bool& named, bool exemplar) {
        const char* start = p_;
        bool is_quoted = at('"');
        std::string_view name = is_quoted ? quoted("name") : bare_name();
        skip_blanks();
        if (!at('=')) {
            if (!is_quoted || exemplar || !(at(',') || at('}'))) fail("expected \"=\" after a label name");
            if (named) {
                throw LineError{start,
                                "the metric name is given twice, the second time as " + excerpt(start, p_)};
            }
            if (name.empty()) throw LineError{start, "empty metric name"};
            named = true;
            labels_.push_back({kMetricName, name});
            return;
        }
        if (name.empty()) throw LineError{start, "empty label name"};
        ++p_;
        skip_blanks();
        if (!at('"')) fail("expected a quoted label value");
        labels_.push_back({name, quoted("value")});
    }

    std::string_view bare_name() {
        const char* start = p_;
        if (p_ == end_ || !is_name_start(*p_)) fail("expected a label name");
        while (p_ < end_ && is_name_char(*p_)) ++p_;
        return {start, static_cast<size_t>(p_ - start)};
    }

    std::string_view quoted(const char* what) {
        const char* start = p_ + 1;
        const char* close = closing_quote(p_, end_, text_);
        std::string_view text(start, static_cast<size_t>(close - start));
        size_t valid = valid_utf8_prefix(text);
        if (valid != text.size()) {
            throw LineError{start + valid,
                            std::string("invalid UTF-8 in label ") + what + " " + excerpt(p_, close + 1)};
        }
        p_ = close + 1;
        return text;
    }

    const char* p_;
    const char* end_;
    bool text_;
    std::vector<RawLabel>& labels_;
};

void refuse_duplicates(const char* start, const std::vector<RawLabel>& labels) {
    // Quadratic for the usual few labels; sorted when a hostile line has many.
    auto fail = [&](std::string_view name) {
        throw LineError{start, "label name \"" + std::string(name) + "\" is not unique"};
    };
    // An escaped name may equal a plain one, so names are compared as they will be stored.
    bool escaped = std::any_of(labels.begin(), labels.end(),
                               [](const RawLabel& l) { return l.name.find('\\') != std::string_view::npos; });
    if (labels.size() <= 16 && !escaped) {
        for (size_t i = 1; i < labels.size(); ++i) {
            for (size_t j = 0; j < i; ++j) {
                if (labels[i].name == labels[j].name) fail(labels[i].name);
            }
        }
        return;
    }
    std::vector<std::string> names;
    names.reserve(labels.size());
    for (const RawLabel& label : labels) names.push_back(unescape(label.name));
    std::sort(names.begin(), names.end());
    auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) fail(*twice);
}

}  // namespace

const char* metric_name_end(const char* p, const char* end) {
    if (p == end || !(is_name_start(*p) || *p == ':')) return p;
    while (p < end && (is_name_char(*p) || *p == ':')) ++p;
    return p;
}

const char* closing_quote(const char* p, const char* end, bool newline) {
    for (const char* q = p + 1; q < end; ++q) {
        if (*q == '"') return q;
        if (*q == '\\') {
            ++q;
        } else if (*q == '\n' && !newline) {
            break;
        }
    }
    throw LineError{p, "a quoted text does not end: " + excerpt(p, end)};
}

const char* parse_series(const char* p, const char* end, TextFormat format, std::vector<RawLabel>& labels) {
    labels.clear();
    const char* start = p;
    const char* name_end = metric_name_end(p, end);
    bool named = name_end != p;
    if (named) {
        labels.push_back({kMetricName, {p, static_cast<size_t>(name_end - p)}});
        p = name_end;
    }
    const char* brace = p;
    if (format == TextFormat::kText) {
        while (brace < end && is_blank(*brace)) ++brace;
    }
    if (brace < end && *brace == '{') {
        p = LabelReader(brace, end, format, labels).read(named, false);
    } else if (!named) {
        throw LineError{start, "expected a metric name, got " + excerpt(start, end)};
    }
    refuse_duplicates(start, labels);
    bool has_name = std::any_of(labels.begin(), labels.end(),
                                [](const RawLabel& l) { return l.name == kMetricName && !l.value.empty(); });
    if (!has_name) throw LineError{start, "missing metric name (__name__ label)"};
    return p;
}

const char* parse_label_pairs(const char* p, const char* end, TextFormat format,
                              std::vector<RawLabel>& labels) {
    labels.clear();
    return LabelReader(p, end, format, labels).read(false, true);
}

const char* skim_series(const char* p, const char* end) {
    const char* name_end = metric_name_end(p, end);
    const char* brace = name_end;
    while (brace < end && is_blank(*brace)) ++brace;
    if (brace == end || *brace != '{') return name_end == p ? nullptr : name_end;
    for (const char* q = brace + 1; q < end; ++q) {
        if (*q == '}') return q + 1;
        if (*q != '"') continue;
        for (++q; q < end && *q != '"'; ++q) {
            if (*q == '\\') ++q;
        }
    }
    return nullptr;
}

std::string unescape(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == '\\' && i + 1 < raw.size()) {
            char next = raw[i + 1];
            if (next == '\\' || next == '"' || next == 'n') {
                out += next == 'n' ? '\n' : next;
                ++i;
                continue;
            }
        }
        out += raw[i];
    }
    return out;
}

std::string excerpt(const char* at, const char* end) {
    if (at == end) return "the end of the body";
    if (*at == '\n') return "the end of the line";
    static constexpr char kHex[] = "0123456789abcdef";
    const char* stop = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    if (stop == nullptr) stop = end;
    bool cut = static_cast<size_t>(stop - at) > kExcerpt;
    if (cut) stop = at + kExcerpt;
    std::string out = "\"";
    for (; at < stop; ++at) {
        auto c = static_cast<unsigned char>(*at);
        if (c < 0x20 || c >= 0x7f) {
            out += "\\x";
            out += kHex[c >> 4];
            out += kHex[c & 15];
        } else {
            if (c == '"' || c == '\\') out += '\\';
            out += *at;
        }
    }
    return out + (cut ? "\"..." : "\"");
}

}  // namespace narthex
