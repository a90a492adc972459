#include "otlp/label_maker.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace narthex {

namespace {

constexpr uint32_t kFirstAttribute = static_cast<uint32_t>(OtlpRank::kAttribute);

uint32_t name_of(const OtlpLabelMaker::Term& t) {
    return static_cast<uint32_t>(t.place >> 32);
}
uint32_t rank_of(const OtlpLabelMaker::Term& t) {
    return static_cast<uint32_t>(t.place);
}
bool is_attribute(const OtlpLabelMaker::Term& t) {
    return rank_of(t) >= kFirstAttribute && rank_of(t) != static_cast<uint32_t>(OtlpRank::kDefault);
}

}  // namespace

OtlpLabelMaker::OtlpLabelMaker(const OtlpRequest& request, std::span<const OtlpKeyLabel> keys,
                               std::span<const std::string> names, bool join)
    : request_(request), join_(join) {
    if (keys.size() != request.keys.size()) throw std::invalid_argument("every key needs an entry");
    SymbolTable& texts = *request.texts;
    for (const std::string& name : names) names_.push_back(texts.intern(name));
    for (const OtlpKeyLabel& key : keys) {
        uses_.push_back(key.use);
        if (key.use == OtlpKeyLabel::kLabel) names_.push_back(texts.intern(key.name));
    }
    std::sort(names_.begin(), names_.end(),
              [&](uint32_t a, uint32_t b) { return texts.get(a) < texts.get(b); });
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());

    keys_in_order_.resize(keys.size());
    std::iota(keys_in_order_.begin(), keys_in_order_.end(), 0);
    std::sort(keys_in_order_.begin(), keys_in_order_.end(),
              [&](uint32_t a, uint32_t b) { return request.keys.get(a) < request.keys.get(b); });
    places_.resize(keys.size());
    for (uint32_t i = 0; i < keys_in_order_.size(); ++i) {
        uint32_t key = keys_in_order_[i];
        if (keys[key].use == OtlpKeyLabel::kLabel)
            places_[key] = term(keys[key].name, {}, OtlpRank::kAttribute).place + i;
    }
}

OtlpLabelMaker::Term OtlpLabelMaker::term(std::string_view name, std::string_view value,
                                          OtlpRank rank) const {
    const SymbolTable& texts = *request_.texts;
    auto at = std::lower_bound(names_.begin(), names_.end(), name,
                               [&](uint32_t a, std::string_view b) { return texts.get(a) < b; });
    if (at == names_.end() || texts.get(*at) != name) throw std::invalid_argument("unknown label name");
    auto place = static_cast<uint64_t>(at - names_.begin());
    return {place << 32 | static_cast<uint32_t>(rank), symbol(value)};
}

std::vector<OtlpLabelMaker::Term> OtlpLabelMaker::terms(const OtlpLabels& labels, OtlpRank rank) const {
    std::vector<Term> out;
    for (const auto& [name, value] : labels) out.push_back(term(name, value, rank));
    return out;
}

bool OtlpLabelMaker::make(std::span<const OtlpAttribute> attributes, std::span<const Term> terms,
                          std::span<const uint32_t> without) {
    gathered_.assign(terms.begin(), terms.end());
    for (OtlpAttribute a : attributes) {
        if (uses_[a.key] == OtlpKeyLabel::kIgnored) continue;
        if (std::find(without.begin(), without.end(), a.key) != without.end()) continue;
        if (uses_[a.key] == OtlpKeyLabel::kInvalid) return false;
        gathered_.push_back({places_[a.key], a.value});
    }
    std::stable_sort(gathered_.begin(), gathered_.end(),
                     [](const Term& a, const Term& b) { return a.place < b.place; });
    pairs_.clear();
    for (size_t i = 0; i < gathered_.size();) {
        size_t next = i + 1;
        while (next < gathered_.size() && name_of(gathered_[next]) == name_of(gathered_[i])) ++next;
        uint32_t value = gathered_[i].value;
        if (next - i > 1 && is_attribute(gathered_[i])) {
            value = joined(std::span(gathered_).subspan(i, next - i));
        }
        if (!request_.texts->get(value).empty()) pairs_.push_back({names_[name_of(gathered_[i])], value});
        i = next;
    }
    return true;
}

// The value of attributes that become the same label; a default, which comes last, is for want of them.
uint32_t OtlpLabelMaker::joined(std::span<const Term> same) {
    size_t n = 0;
    while (n < same.size() && is_attribute(same[n])) ++n;
    uint32_t value = same[0].value;
    if (n > 1 && join_) {
        text_.clear();
        bool collided = false;
        for (const Term& t : same.first(n)) {
            if (!text_.empty()) {
                text_ += ';';
                collided = true;
            }
            text_ += request_.texts->get(t.value);
        }
        if (collided) note(names_[name_of(same[0])], same.first(n));
        value = symbol(text_);
    }
    if (n < same.size() && request_.texts->get(value).empty()) value = same[n].value;
    return value;
}

void OtlpLabelMaker::note(uint32_t label, std::span<const Term> attributes) {
    for (const Collision& known : collisions_) {
        if (known.label == label) return;
    }
    Collision collision{label, {}};
    for (const Term& t : attributes) collision.keys.push_back(keys_in_order_[rank_of(t) - kFirstAttribute]);
    collisions_.push_back(std::move(collision));
}

}  // namespace narthex
