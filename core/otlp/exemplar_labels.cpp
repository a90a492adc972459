#include "otlp/exemplar_labels.h"

#include <algorithm>

namespace narthex {

namespace {

constexpr size_t kMostCodePoints = 128;

size_t code_points(std::string_view text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// Of an id; nothing of one that is all zeros, which is none.
std::string hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    if (bytes.find_first_not_of('\0') == std::string_view::npos) return out;
    for (char c : bytes) {
        out += kDigits[static_cast<uint8_t>(c) >> 4];
        out += kDigits[static_cast<uint8_t>(c) & 15];
    }
    return out;
}

}  // namespace

const std::vector<std::pair<std::string_view, std::string_view>>& OtlpExemplarLabels::of(
    const OtlpRequest& request, const OtlpExemplar& exemplar) {
    labels_.clear();
    trace_ = hex(exemplar.trace_id);
    span_ = hex(exemplar.span_id);
    if (!trace_.empty()) labels_.emplace_back("trace_id", trace_);
    if (!span_.empty()) labels_.emplace_back("span_id", span_);
    size_t ids = labels_.size(), length = 0;
    for (uint32_t k = exemplar.attributes.first; k < exemplar.attributes.last; ++k) {
        OtlpAttribute a = request.exemplar_attributes[k];
        std::string_view name = request.keys.get(a.key);
        bool known = std::any_of(labels_.begin(), labels_.end(), [&](auto& l) { return l.first == name; });
        if (name.empty() || known) continue;
        labels_.emplace_back(name, request.texts->get(a.value));
        if (labels_.size() > kMostCodePoints) break;
    }
    for (const auto& [name, value] : labels_) length += code_points(name) + code_points(value);
    if (length > kMostCodePoints) labels_.resize(ids);
    return labels_;
}

}  // namespace narthex
