// Label sets of OTLP points: attributes under the names that labels have, with what the resource, the scope
// and the metric add.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "labels/label_sets.h"
#include "otlp/request.h"

namespace narthex {

using OtlpLabels = std::vector<std::pair<std::string, std::string>>;

// What an attribute's name becomes, one entry a symbol of OtlpRequest::keys.
struct OtlpKeyLabel {
    enum Use : uint8_t { kLabel, kIgnored, kInvalid } use = kLabel;
    std::string name;  // of the label
};

// Which of the labels of one name counts; a smaller one goes first.
enum class OtlpRank : uint32_t { kOwn, kMetric, kScope, kIdentity, kAttribute, kDefault = 0xffffffff };

class OtlpLabelMaker {
  public:
    // A label that every set of a metric or a resource gets. Its value can be changed between sets.
    struct Term {
        uint64_t place;  // (place of the name in byte order) << 32 | rank, or that plus the attribute's place
        uint32_t value;  // symbol
    };

    // `names` are those of labels that can come beside attributes. With `join`, values of attributes that
    // become the same label are joined by ';'; without, the first one is taken.
    OtlpLabelMaker(const OtlpRequest& request, std::span<const OtlpKeyLabel> keys,
                   std::span<const std::string> names, bool join);

    Term term(std::string_view name, std::string_view value, OtlpRank rank) const;
    std::vector<Term> terms(const OtlpLabels& labels, OtlpRank rank) const;
    uint32_t symbol(std::string_view text) const { return request_.texts->intern(text); }

    // The label set of attributes and terms, sorted by name, empty values left out; false when an attribute
    // cannot be a label. Keys that are among `without` do not count. Valid until the next call.
    bool make(std::span<const OtlpAttribute> attributes, std::span<const Term> terms,
              std::span<const uint32_t> without = {});
    std::span<const LabelPair> pairs() const { return pairs_; }

    // Labels that values were joined for, each with the keys of the first time, in byte order.
    struct Collision {
        uint32_t label;  // symbol of texts
        std::vector<uint32_t> keys;
    };
    const std::vector<Collision>& collisions() const { return collisions_; }

  private:
    uint32_t joined(std::span<const Term> attributes);
    void note(uint32_t name, std::span<const Term> attributes);

    const OtlpRequest& request_;
    bool join_;
    std::vector<uint32_t> names_;          // symbols of label names in byte order
    std::vector<OtlpKeyLabel::Use> uses_;  // by key
    std::vector<uint64_t> places_;         // by key
    std::vector<uint32_t> keys_in_order_;  // keys in byte order
    std::vector<Term> gathered_;
    std::vector<LabelPair> pairs_;
    std::string text_;
    std::vector<Collision> collisions_;
};

}  // namespace narthex
