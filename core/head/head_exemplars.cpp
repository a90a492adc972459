// Exemplars of the head and of its transactions.
#include <bit>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "head/head.h"
#include "head/transaction.h"

namespace narthex {

void Head::set_max_exemplars(size_t count) {
    std::unique_lock lock(mutex_);
    exemplars_.resize(count);
}

ExemplarStats Head::exemplar_stats() const {
    std::shared_lock lock(mutex_);
    return exemplars_.stats();
}

std::string Head::labels_of(const Series& s) const {
    std::vector<LabelPair> symbols;
    table_.pairs_of(s, symbols);
    std::vector<TextPair> pairs;
    for (LabelPair p : symbols) pairs.emplace_back(table_.symbols->get(p.name), table_.symbols->get(p.value));
    return pack_labels(pairs);
}

const Series* Head::series_of(std::string_view packed) const {
    std::vector<LabelPair> pairs;
    for (const auto& [name, value] : unpack_labels(packed))
        pairs.push_back({table_.symbols->find(name), table_.symbols->find(value)});
    uint32_t slot = table_.find(pairs, hash_pairs(pairs));
    return slot == RefMap::kNone ? nullptr : &table_.series[slot];
}

void HeadTransaction::append_exemplars(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                                       std::span<const double> values, const LabelSets& labels,
                                       std::span<uint8_t> statuses) {
    check_columns(refs.size(), ts.size(), values.size(), 0, statuses.size());
    if (labels.rows() != refs.size()) throw std::invalid_argument("columns differ in length");
    std::shared_lock lock(head_->mutex_);
    const SeriesTable& table = head_->table_;
    std::vector<TextPair> pairs;
    for (size_t i = 0; i < refs.size(); ++i) {
        uint32_t slot = table.by_ref.find(refs[i]);
        if (slot == RefMap::kNone) {
            statuses[i] = static_cast<uint8_t>(AppendStatus::kUnknownRef);
            continue;
        }
        pairs.clear();
        for (LabelPair p : labels.row(i)) pairs.emplace_back(labels.text(p.name), labels.text(p.value));
        std::string packed = pack_labels(pairs);
        auto status = head_->exemplars_.check(head_->labels_of(table.series[slot]), ts[i], values[i], packed);
        statuses[i] = static_cast<uint8_t>(status);
        if (status == ExemplarStatus::kOk)
            exemplars_.push_back({refs[i], ts[i], values[i], std::move(packed)});
    }
}

void HeadTransaction::encode_exemplars(WalWriter& out) const {
    ExemplarsRecord record;
    for (const Exemplar& e : exemplars_)
        record.add(e.ref, e.t, std::bit_cast<uint64_t>(e.value), unpack_labels(e.labels));
    if (!record.empty()) out.record(record.bytes());
}

void HeadTransaction::apply_exemplars() {
    for (Exemplar& e : exemplars_) {
        uint32_t slot = head_->table_.by_ref.find(e.ref);
        if (slot == RefMap::kNone) continue;
        head_->exemplars_.add(head_->labels_of(head_->table_.series[slot]), e.t, e.value,
                              std::move(e.labels));
    }
}

}  // namespace narthex
