// Metadata of series in the head, its transactions and its log.
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "head/head.h"
#include "head/replay.h"
#include "head/transaction.h"

namespace narthex {

std::optional<SeriesMetadata> Head::metadata(uint64_t ref) const {
    std::shared_lock lock(mutex_);
    uint32_t slot = table_.by_ref.find(ref);
    if (slot == RefMap::kNone) return std::nullopt;
    const SeriesExtra* extra = table_.extras.find(table_.series[slot]);
    if (extra == nullptr || extra->metadata == nullptr) return std::nullopt;
    return *extra->metadata;
}

void Head::set_metadata(Series& s, SeriesMetadata metadata) {
    auto& kept = table_.extras.of(s).metadata;
    if (kept == nullptr) kept = std::make_unique<SeriesMetadata>();
    *kept = std::move(metadata);
}

void HeadTransaction::append_metadata(std::span<const uint64_t> refs,
                                      std::span<const SeriesMetadata> metadata, std::span<uint8_t> statuses) {
    if (metadata.size() != refs.size() || statuses.size() != refs.size())
        throw std::invalid_argument("columns differ in length");
    std::shared_lock lock(head_->mutex_);
    const SeriesTable& table = head_->table_;
    for (size_t i = 0; i < refs.size(); ++i) {
        uint32_t slot = table.by_ref.find(refs[i]);
        bool known = slot != RefMap::kNone;
        statuses[i] = static_cast<uint8_t>(known ? AppendStatus::kOk : AppendStatus::kUnknownRef);
        if (!known) continue;
        const SeriesExtra* extra = table.extras.find(table.series[slot]);
        bool news = extra == nullptr || extra->metadata == nullptr || *extra->metadata != metadata[i];
        if (news) metadata_.emplace_back(refs[i], metadata[i]);
    }
}

void HeadTransaction::encode_metadata(WalWriter& out) const {
    MetadataRecord record;
    for (const auto& [ref, m] : metadata_) {
        TextPair fields[] = {{"UNIT", m.unit}, {"HELP", m.help}};
        record.add(ref, m.type, fields);
    }
    if (!record.empty()) out.record(record.bytes());
}

void HeadTransaction::apply_metadata() {
    for (auto& [ref, m] : metadata_) {
        uint32_t slot = head_->table_.by_ref.find(ref);
        if (slot != RefMap::kNone) head_->set_metadata(head_->table_.series[slot], std::move(m));
    }
}

void HeadReplay::metadata(uint64_t ref, uint8_t type, std::span<const TextPair> fields) {
    uint32_t slot = head_->table_.by_ref.find(ref, cursor_);
    if (slot == RefMap::kNone) return;
    SeriesMetadata m{type, {}, {}};
    for (const auto& [name, value] : fields) {
        if (name == "UNIT") m.unit = value;
        if (name == "HELP") m.help = value;
    }
    head_->set_metadata(head_->table_.series[slot], std::move(m));
}

}  // namespace narthex
