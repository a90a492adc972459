// Series as label sets with numbers: the part of a table that does not care what else is known of a series.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "head/paged_vector.h"
#include "head/series.h"
#include "labels/label_sets.h"
#include "labels/symbols.h"
#include "wal/records.h"

namespace narthex {

// S has ref, hash, names and values, as Series has. Append-only; slots are dense and ascend. A series that
// has lost its reference (0) is not found.
template <typename S>
struct LabelTable {
    std::shared_ptr<SymbolTable> symbols = std::make_shared<SymbolTable>();
    PagedVector<S, 1024> series;
    NameSets names;
    ValueArena values;
    HashIndex by_hash;
    RefMap by_ref;

    // Sorted by name, without empty values. Throws std::invalid_argument on no label or a repeated name.
    std::vector<LabelPair> intern(std::span<const TextPair> labels);

    // Calls take(pairs) for each set, whose rows are sorted by name. Throws std::invalid_argument on an empty
    // one.
    template <typename Take>
    void intern_each(const LabelSets& sets, Take&& take) {
        SymbolMapper map(*sets.symbols(), *symbols);
        std::vector<LabelPair> pairs;
        for (size_t i = 0; i < sets.rows(); ++i) {
            pairs.clear();
            for (LabelPair p : sets.row(i)) pairs.push_back(map(p));
            if (pairs.empty()) throw std::invalid_argument("a series needs at least one label");
            take(std::span<const LabelPair>(pairs));
        }
    }

    uint32_t find(std::span<const LabelPair> pairs, uint32_t hash) const;
    // Adds a series that find() does not know.
    uint32_t add(uint64_t ref, std::span<const LabelPair> pairs, uint32_t hash);

    // Appends the pairs of a series, sorted by name.
    void pairs_of(const S& s, std::vector<LabelPair>& out) const {
        auto combination = names.get(s.names);
        for (size_t i = 0; i < combination.size(); ++i) out.push_back({combination[i], s.values[i]});
    }
    size_t label_count(const S& s) const { return names.get(s.names).size(); }

    // The entries of these references, which must be known, for the log.
    void describe(std::span<const uint64_t> refs, SeriesRecord& out) const {
        for (uint64_t ref : refs) {
            const S& s = series[by_ref.find(ref)];
            auto combination = names.get(s.names);
            out.begin(ref, combination.size());
            for (size_t i = 0; i < combination.size(); ++i)
                out.label(symbols->get(combination[i]), symbols->get(s.values[i]));
        }
    }
};

template <typename S>
std::vector<LabelPair> LabelTable<S>::intern(std::span<const TextPair> labels) {
    std::vector<TextPair> sorted;
    sorted.reserve(labels.size());
    for (const TextPair& l : labels) {
        if (!l.second.empty()) sorted.push_back(l);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const TextPair& a, const TextPair& b) { return a.first < b.first; });
    if (sorted.empty()) throw std::invalid_argument("a series needs at least one label");
    for (size_t i = 1; i < sorted.size(); ++i) {
        if (sorted[i].first == sorted[i - 1].first)
            throw std::invalid_argument("label name is repeated: " + std::string(sorted[i].first));
    }
    std::vector<LabelPair> pairs;
    pairs.reserve(sorted.size());
    for (const auto& [name, value] : sorted) {
        uint32_t n = symbols->intern(name);
        pairs.push_back({n, symbols->intern(value)});
    }
    return pairs;
}

template <typename S>
uint32_t LabelTable<S>::find(std::span<const LabelPair> pairs, uint32_t hash) const {
    return by_hash.find(
        hash, [this](uint32_t slot) { return series[slot].hash; },
        [&](uint32_t slot) {
            const S& s = series[slot];
            if (s.ref == 0) return false;
            auto have = names.get(s.names);
            if (have.size() != pairs.size()) return false;
            for (size_t i = 0; i < have.size(); ++i) {
                if (have[i] != pairs[i].name || s.values[i] != pairs[i].value) return false;
            }
            return true;
        });
}

template <typename S>
uint32_t LabelTable<S>::add(uint64_t ref, std::span<const LabelPair> pairs, uint32_t hash) {
    auto slot = static_cast<uint32_t>(series.size());
    S s;
    s.ref = ref;
    s.hash = hash;
    std::vector<uint32_t> combination;
    combination.reserve(pairs.size());
    for (LabelPair p : pairs) combination.push_back(p.name);
    s.names = names.intern(combination);
    s.values = values.store(pairs);
    series.push_back(s);
    by_hash.add(hash, slot, [this](uint32_t other) { return series[other].hash; });
    by_ref.set(ref, slot);
    return slot;
}

}  // namespace narthex
