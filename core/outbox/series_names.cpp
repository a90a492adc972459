#include "outbox/series_names.h"

#include <algorithm>

namespace narthex {

// Symbol 0 is "", as the second version of the protocol wants it.
std::unique_ptr<SymbolTable> SeriesNames::make_symbols() {
    auto table = std::make_unique<SymbolTable>();
    table->intern("");
    return table;
}

void SeriesNames::add(uint64_t ref, std::span<const TextPair> labels, uint64_t segment, bool undecided) {
    auto [known, fresh] = rows_.try_emplace(ref, Known{kUnknown, segment});
    known->second.segment = std::max(known->second.segment, segment);
    if (!fresh) return;
    std::vector<TextPair> all(labels.begin(), labels.end());
    for (const auto& [name, value] : external_) {
        auto same = [&](const TextPair& pair) { return pair.first == name; };
        if (std::none_of(labels.begin(), labels.end(), same)) all.emplace_back(name, value);
    }
    std::sort(all.begin(), all.end());
    if (!undecided) {
        known->second.row = store(all);
        return;
    }
    waiting_refs_.push_back(ref);
    waiting_labels_.emplace_back(all.begin(), all.end());
}

void SeriesNames::decide(std::span<const std::optional<OwnedLabels>> labels) {
    std::vector<TextPair> pairs;
    for (size_t i = 0; i < waiting_refs_.size() && i < labels.size(); ++i) {
        uint32_t row = kDropped;
        if (labels[i]) {
            pairs.assign(labels[i]->begin(), labels[i]->end());
            row = store(pairs);
        }
        rows_[waiting_refs_[i]].row = row;
    }
    waiting_refs_.clear();
    waiting_labels_.clear();
}

uint32_t SeriesNames::store(std::span<const TextPair> labels) {
    uint32_t row;
    if (free_.empty()) {
        row = static_cast<uint32_t>(names_.size());
        names_.emplace_back();
    } else {
        row = free_.back();
        free_.pop_back();
    }
    names_[row] = {pairs_.size(), static_cast<uint32_t>(2 * labels.size()), {}};
    for (const auto& [name, value] : labels) {
        pairs_.push_back(symbols_->intern(name));
        pairs_.push_back(symbols_->intern(value));
    }
    return row;
}

void SeriesNames::set_metadata(uint64_t ref, uint8_t type, std::string_view unit, std::string_view help) {
    uint32_t at = row(ref);
    if (at < kUnknown) names_[at].metadata = {type, symbols_->intern(unit), symbols_->intern(help)};
}

void SeriesNames::forget_before(uint64_t first, std::span<const uint32_t> used) {
    std::vector<bool> live(names_.size());
    for (uint32_t row : used) live[row] = true;
    size_t before = rows_.size();
    std::erase_if(rows_, [&](const auto& entry) { return entry.second.segment < first; });
    if (rows_.size() == before) return;
    for (const auto& [ref, known] : rows_) {
        if (known.row < kUnknown) live[known.row] = true;
    }
    rebuild(live);
}

// Rows keep their numbers; texts that nobody uses any more go.
void SeriesNames::rebuild(const std::vector<bool>& live) {
    auto symbols = make_symbols();
    std::vector<uint32_t> pairs;
    free_.clear();
    for (uint32_t row = 0; row < names_.size(); ++row) {
        if (!live[row]) {
            names_[row] = {};
            free_.push_back(row);
            continue;
        }
        Name& name = names_[row];
        size_t at = pairs.size();
        for (uint32_t symbol : labels(row)) pairs.push_back(symbols->intern(symbols_->get(symbol)));
        name.at = at;
        name.metadata.unit = symbols->intern(symbols_->get(name.metadata.unit));
        name.metadata.help = symbols->intern(symbols_->get(name.metadata.help));
    }
    symbols_ = std::move(symbols);
    pairs_ = std::move(pairs);
}

}  // namespace narthex
