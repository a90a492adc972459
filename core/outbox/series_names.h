// What the series of a log are called at the other end: references of the log to label sets after external
// labels and relabelling.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "labels/symbols.h"
#include "wal/records.h"

namespace narthex {

using OwnedLabels = std::vector<std::pair<std::string, std::string>>;

// A series has a row as long as the log knows its reference or something that is still to be sent uses it.
// Not safe for concurrent use.
class SeriesNames {
  public:
    static constexpr uint32_t kDropped = 0xffffffff;  // relabelling dropped it
    static constexpr uint32_t kUnknown = 0xfffffffe;

    // `external` labels are added to each series that has none of that name. They must be sorted.
    explicit SeriesNames(OwnedLabels external) : external_(std::move(external)) {}

    // A series as a record in `segment` has it. With `undecided` its labels wait for `decide`. A reference
    // that is known keeps its labels.
    void add(uint64_t ref, std::span<const TextPair> labels, uint64_t segment, bool undecided);
    // Label sets that wait, in the order in which `decide` wants the answers; nullopt drops a series.
    const std::vector<OwnedLabels>& undecided() const { return waiting_labels_; }
    void decide(std::span<const std::optional<OwnedLabels>> labels);

    uint32_t row(uint64_t ref) const {
        auto found = rows_.find(ref);
        return found == rows_.end() ? kUnknown : found->second.row;
    }
    // Labels of a row as symbols: name, value, name, value.
    std::span<const uint32_t> labels(uint32_t row) const {
        return {pairs_.data() + names_[row].at, names_[row].size};
    }
    std::string_view text(uint32_t symbol) const { return symbols_->get(symbol); }

    struct Metadata {
        uint8_t type = 0;             // number of the log's records and of the messages
        uint32_t unit = 0, help = 0;  // symbols; 0: ""
    };
    void set_metadata(uint64_t ref, uint8_t type, std::string_view unit, std::string_view help);
    const Metadata& metadata(uint32_t row) const { return names_[row].metadata; }

    // Forgets references that no record of segment `first` or later has (a checkpoint's records count as
    // those of the segment after it). `used` are rows that must stay.
    void forget_before(uint64_t first, std::span<const uint32_t> used);
    size_t size() const { return rows_.size(); }

  private:
    struct Known {
        uint32_t row;
        uint64_t segment;
    };
    struct Name {
        size_t at = 0;
        uint32_t size = 0;
        Metadata metadata;
    };
    uint32_t store(std::span<const TextPair> labels);
    void rebuild(const std::vector<bool>& live);

    OwnedLabels external_;
    std::unordered_map<uint64_t, Known> rows_;
    std::vector<Name> names_;
    std::vector<uint32_t> free_;
    std::vector<uint32_t> pairs_;
    std::unique_ptr<SymbolTable> symbols_ = make_symbols();
    std::vector<uint64_t> waiting_refs_;
    std::vector<OwnedLabels> waiting_labels_;

    static std::unique_ptr<SymbolTable> make_symbols();
};

}  // namespace narthex
