#include "text/metadata_line.h"

#include <array>
#include <string>
#include <utility>

#include "bytes/utf8.h"
#include "text/blank.h"

namespace narthex {

namespace {

constexpr std::array<std::string_view, 8> kTypeNames = {"unknown",        "counter", "gauge", "histogram",
                                                        "gaugehistogram", "summary", "info",  "stateset"};

std::string_view without_leading_blanks(std::string_view s) {
    while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
    return s;
}

std::string_view trimmed(std::string_view s) {
    s = without_leading_blanks(s);
    while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
    return s;
}

MetricType metric_type(std::string_view text, TextFormat format, const char* end) {
    if (format == TextFormat::kText && text == "untyped") return MetricType::kUnknown;
    for (size_t i = 0; i < kTypeNames.size(); ++i) {
        if (text != kTypeNames[i]) continue;
        auto type = static_cast<MetricType>(i);
        bool classic = type == MetricType::kCounter || type == MetricType::kGauge ||
                       type == MetricType::kHistogram || type == MetricType::kSummary;
        if (classic || format == TextFormat::kOpenMetrics) return type;
    }
    throw LineError{text.data(),
                    "invalid metric type " + (text.empty() ? "\"\"" : excerpt(text.data(), end))};
}

// Takes "HELP", "TYPE" or "UNIT" and the blank that must follow.
LineKind keyword(std::string_view& rest, bool tabs, bool units) {
    static constexpr std::pair<std::string_view, LineKind> kWords[] = {
        {"HELP", LineKind::kHelp}, {"TYPE", LineKind::kType}, {"UNIT", LineKind::kUnit}};
    for (auto [word, kind] : kWords) {
        if (kind == LineKind::kUnit && !units) continue;
        if (rest.size() > word.size() && rest.starts_with(word) &&
            (rest[word.size()] == ' ' || (tabs && rest[word.size()] == '\t'))) {
            rest.remove_prefix(word.size() + 1);
            return kind;
        }
    }
    return LineKind::kComment;
}

// Takes the metric's name, the one byte that parts it from the text, and the text: whatever follows.
void name_and_text(std::string_view rest, bool strict, MetadataLine& line) {
    const char* end = rest.data() + rest.size();
    if (!strict) rest = without_leading_blanks(rest);
    const char* name = rest.data();
    const char* name_end = metric_name_end(name, end);
    if (!rest.empty() && rest.front() == '"') {
        const char* close = closing_quote(name, end, false);
        line.family = {name + 1, static_cast<size_t>(close - name - 1)};
        name_end = close + 1;
        if (!is_utf8(line.family))
            throw LineError{name, "invalid UTF-8 in metric name " + excerpt(name, name_end)};
    } else {
        line.family = {name, static_cast<size_t>(name_end - name)};
    }
    if (line.family.empty()) throw LineError{name, "expected a metric name, got " + excerpt(name, end)};
    if (strict && (name_end == end || *name_end != ' ')) {
        throw LineError{name_end,
                        "expected a space and text after the metric name, got " + excerpt(name_end, end)};
    }
    line.text = name_end == end ? std::string_view(end, 0)
                                : std::string_view(name_end + 1, static_cast<size_t>(end - name_end - 1));
}

void check_unit(const MetadataLine& line) {
    if (line.text.empty()) return;
    size_t unit = line.text.size(), family = line.family.size();
    if (family <= unit || line.family[family - unit - 1] != '_' || !line.family.ends_with(line.text)) {
        throw LineError{line.text.data(), "unit \"" + std::string(line.text) +
                                              "\" is not a suffix of metric \"" + std::string(line.family) +
                                              "\""};
    }
}

}  // namespace

std::string_view metric_type_name(MetricType type) {
    return kTypeNames[static_cast<size_t>(type)];
}

MetadataLine parse_metadata_line(const char* p, const char* end, TextFormat format) {
    bool strict = format == TextFormat::kOpenMetrics;
    std::string_view rest(p + 1, static_cast<size_t>(end - p - 1));
    MetadataLine line;
    if (strict && rest == " EOF") {
        line.kind = LineKind::kEof;
        return line;
    }
    if (!rest.empty() && is_blank(rest.front())) {
        rest = strict ? rest.substr(1) : without_leading_blanks(rest);
        line.kind = keyword(rest, !strict, strict);
    }
    if (line.kind == LineKind::kComment) {
        if (strict) throw LineError{p, "expected HELP, TYPE, UNIT or EOF, got " + excerpt(p, end)};
        return line;
    }
    name_and_text(rest, strict, line);
    if (line.kind == LineKind::kType) {
        if (!strict) line.text = trimmed(line.text);
        line.type = metric_type(line.text, format, end);
    }
    size_t valid = valid_utf8_prefix(line.text);
    if (valid != line.text.size()) {
        throw LineError{line.text.data() + valid,
                        "invalid UTF-8 in the text of metric " + std::string(line.family)};
    }
    if (line.kind == LineKind::kUnit) check_unit(line);
    return line;
}

MetadataLine split_metadata_line(std::string_view text) {
    MetadataLine line;
    std::string_view rest = without_leading_blanks(text.substr(1));
    line.kind = keyword(rest, true, true);
    name_and_text(rest, false, line);
    return line;
}

}  // namespace narthex
