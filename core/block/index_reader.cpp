#include "block/index_reader.h"

#include <algorithm>
#include <stdexcept>

#include "block/index_format.h"
#include "bytes/crc32c.h"

namespace narthex {

namespace {

constexpr size_t kTocSize = 6 * 8 + 4;
constexpr size_t kFewValues = 4096;   // whose postings are worth counting
constexpr size_t kMinSeriesSize = 7;  // length, no label, no chunk, checksum

void check_crc(std::span<const uint8_t> content, uint32_t want, const char* what, size_t offset) {
    if (crc32c(content) != want) throw DecodeError(std::string("checksum mismatch in ") + what, offset);
}

}  // namespace

IndexReader::IndexReader(std::span<const uint8_t> data, uint8_t version) {
    ByteReader head(data);
    if (head.be32() != kIndexMagic) throw DecodeError("not an index file", 0);
    version_ = head.u8();
    if (version != 0) version_ = version;
    if (version_ < 1 || version_ > 3)
        throw DecodeError("unknown index version " + std::to_string(version_), 4);
    if (data.size() < kIndexHeaderSize + kTocSize) head.fail("index has no table of contents");
    size_t toc_offset = data.size() - kTocSize;
    data_ = data.first(toc_offset);
    auto toc = data.subspan(toc_offset);
    check_crc(toc.first(kTocSize - 4), load_be32(toc.data() + kTocSize - 4), "table of contents", toc_offset);
    read_symbols(load_be64(toc.data()));
    read_postings_table(load_be64(toc.data() + 5 * 8));
}

std::span<const uint8_t> IndexReader::section(uint64_t offset, const char* what) const {
    if (offset < kIndexHeaderSize || offset > data_.size()) throw DecodeError(what, offset);
    ByteReader in(data_.subspan(offset), offset);
    uint32_t size = in.be32();
    auto content = in.bytes(size);
    check_crc(content, in.be32(), what, offset);
    return content;
}

void IndexReader::read_symbols(uint64_t offset) {
    if (offset == 0) return;
    auto content = section(offset, "symbol table");
    symbols_base_ = offset + 4;
    ByteReader in(content, symbols_base_);
    uint32_t count = in.be32();
    if (count > in.remaining()) in.fail("symbol table is shorter than its count");
    symbol_offsets_.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
        symbol_offsets_.push_back(static_cast<uint32_t>(in.position()));
        in.string();
    }
}

std::string_view IndexReader::symbol(uint32_t index) const {
    return ByteReader(data_.subspan(symbols_base_ + symbol_offsets_[index])).string();
}

void IndexReader::read_postings_table(uint64_t offset) {
    if (offset == 0) return;
    table_ = section(offset, "postings offset table");
    table_base_ = offset + 4;
    ByteReader in(table_, table_base_);
    uint32_t count = in.be32();
    if (count > in.remaining()) in.fail("postings offset table is shorter than its count");
    entries_.reserve(count);
    bool sorted = true;
    std::string_view last_value;
    for (uint32_t i = 0; i < count; ++i) {
        if (in.uvarint() != 2) in.fail("postings offset key is not a name and a value");
        std::string_view name = in.string();
        auto at = static_cast<uint32_t>(in.position());
        std::string_view value = in.string();
        in.uvarint();
        if (names_.empty() || names_.back().name != name) {
            sorted = sorted && (names_.empty() || names_.back().name < name);
            names_.push_back({name, i, 0});
        } else {
            sorted = sorted && last_value < value;
        }
        ++names_.back().count;
        entries_.push_back(at);
        last_value = value;
    }
    if (!sorted) sort_postings_table();
}

// Version 1 writers did not order the table.
void IndexReader::sort_postings_table() {
    struct Row {
        std::string_view name, value;
        uint32_t entry;
    };
    std::vector<Row> rows;
    rows.reserve(entries_.size());
    for (const Name& n : names_) {
        for (uint32_t i = n.first; i < n.first + n.count; ++i)
            rows.push_back({n.name, entry_value(i), entries_[i]});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return a.name != b.name ? a.name < b.name : a.value < b.value;
    });
    names_.clear();
    entries_.clear();
    for (const Row& row : rows) {
        if (names_.empty() || names_.back().name != row.name)
            names_.push_back({row.name, static_cast<uint32_t>(entries_.size()), 0});
        ++names_.back().count;
        entries_.push_back(row.entry);
    }
}

std::string_view IndexReader::entry_value(uint32_t entry, uint64_t* postings) const {
    ByteReader in(table_.subspan(entries_[entry]));
    std::string_view value = in.string();
    if (postings != nullptr) *postings = in.uvarint();
    return value;
}

const IndexReader::Name* IndexReader::find_name(std::string_view name) const {
    auto at = std::lower_bound(names_.begin(), names_.end(), name,
                               [](const Name& n, std::string_view s) { return n.name < s; });
    return at != names_.end() && at->name == name ? &*at : nullptr;
}

uint32_t IndexReader::lower_bound(const Name& name, std::string_view value) const {
    uint32_t low = name.first, high = name.first + name.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry_value(middle) < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

std::vector<std::string_view> IndexReader::label_names() const {
    std::vector<std::string_view> out;
    for (const Name& n : names_) {
        if (!n.name.empty()) out.push_back(n.name);
    }
    return out;
}

std::vector<std::string_view> IndexReader::label_values(std::string_view name,
                                                        std::string_view prefix) const {
    std::vector<std::string_view> out;
    const Name* n = name.empty() ? nullptr : find_name(name);
    if (n == nullptr) return out;
    for (uint32_t i = lower_bound(*n, prefix); i < n->first + n->count; ++i) {
        std::string_view value = entry_value(i);
        if (!value.starts_with(prefix)) break;
        if (out.empty() || out.back() != value) out.push_back(value);
    }
    return out;
}

size_t IndexReader::label_value_count(std::string_view name) const {
    const Name* n = find_name(name);
    return n == nullptr ? 0 : n->count;
}

size_t IndexReader::listed_series() const {
    return count({{}, {std::string_view{}}});
}

std::span<const uint8_t> IndexReader::postings(uint32_t entry) const {
    uint64_t offset = 0;
    entry_value(entry, &offset);
    auto content = section(offset, "postings");
    ByteReader in(content, offset + 4);
    uint32_t count = in.be32();
    if (in.remaining() / 4 != count || in.remaining() % 4 != 0)
        in.fail("postings list has another length than its count");
    return content.subspan(4);
}

void IndexReader::append(uint32_t entry, std::vector<Id>& out) const {
    auto list = postings(entry);
    size_t n = list.size() / 4;
    // Lists of one label do not share series, so more ids than series fit in the file is a lie that could
    // otherwise ask for any amount of memory.
    if (out.size() + n > data_.size() / kMinSeriesSize)
        throw DecodeError("postings name more series than the file holds", table_base_ + entries_[entry]);
    size_t first = out.size();
    out.resize(first + n);
    for (size_t i = 0; i < n; ++i) out[first + i] = load_be32(list.data() + 4 * i);
}

size_t IndexReader::count(const MatchTerm& term) const {
    // Not worth reading all lists; others are likely to be shorter.
    if (term.every) return find_name(term.name) == nullptr ? 0 : data_.size();
    size_t total = 0;
    each_entry(term, [&](uint32_t entry) {
        uint64_t offset = 0;
        entry_value(entry, &offset);
        if (offset < data_.size() && data_.size() - offset >= 8)
            total += load_be32(data_.data() + offset + 4);
    });
    return total;
}

void IndexReader::collect(const MatchTerm& term, std::vector<Id>& out) const {
    if (term.name.empty()) return;
    each_entry(term, [&](uint32_t entry) { append(entry, out); });
}

ValueTexts IndexReader::value_texts(std::string_view name, std::string_view prefix, size_t since) const {
    ValueTexts out;
    const Name* n = name.empty() ? nullptr : find_name(name);
    if (n == nullptr) return out;
    out.seen = n->count;
    if (since >= n->count) return out;
    for (uint32_t i = std::max(lower_bound(*n, prefix), n->first + static_cast<uint32_t>(since));
         i < n->first + n->count; ++i) {
        std::string_view value = entry_value(i);
        if (!value.starts_with(prefix)) break;
        out.add(value, i);
    }
    return out;
}

std::vector<std::string_view> IndexReader::values_of(std::string_view name, std::span<const Id> ids) const {
    std::vector<std::string_view> out;
    const Name* n = name.empty() || ids.empty() ? nullptr : find_name(name);
    if (n == nullptr) return out;
    series_offset(ids.back());
    std::vector<bool> wanted(ids.back() - ids.front() + size_t{1});
    for (Id id : ids) wanted[id - ids.front()] = true;
    for (uint32_t i = n->first; i < n->first + n->count; ++i) {
        std::string_view value = entry_value(i);
        if (value.empty() || (!out.empty() && out.back() == value)) continue;
        auto list = postings(i);
        for (size_t k = 0; k + 4 <= list.size(); k += 4) {
            Id id = load_be32(list.data() + k);
            if (id < ids.front() || id > ids.back() || !wanted[id - ids.front()]) continue;
            out.push_back(value);
            break;
        }
    }
    return out;
}

bool IndexReader::covers(const MatchTerm& term) const {
    if (!term.every || label_value_count(term.name) > kFewValues) return false;
    size_t total = 0;
    each_entry(term, [&](uint32_t entry) { total += postings(entry).size() / 4; });
    return total == listed_series();
}

void IndexReader::collect_all(std::vector<Id>& out) const {
    const Name* n = find_name({});
    if (n == nullptr) return;
    for (uint32_t i = n->first; i < n->first + n->count; ++i) append(i, out);
    sort_unique(out);
}

uint32_t IndexReader::symbol_at(uint64_t file_offset, const ByteReader& at) const {
    uint64_t relative = file_offset - symbols_base_;
    auto it = std::lower_bound(symbol_offsets_.begin(), symbol_offsets_.end(), relative);
    if (file_offset < symbols_base_ || it == symbol_offsets_.end() || *it != relative)
        at.fail("label refers to no symbol");
    return static_cast<uint32_t>(it - symbol_offsets_.begin());
}

uint64_t IndexReader::series_offset(Id id) const {
    uint64_t offset = version_ == 1 ? id : uint64_t{id} * kSeriesAlignment;
    if (offset < kIndexHeaderSize || offset >= data_.size()) throw DecodeError("no such series", offset);
    return offset;
}

ByteReader IndexReader::labels(Id id, std::vector<LabelPair>& labels) const {
    uint64_t offset = series_offset(id);
    ByteReader in(data_.subspan(offset), offset);
    uint64_t size = in.uvarint();
    if (size > in.remaining()) in.fail("series runs past the end");
    size_t start = offset + in.position();
    auto content = in.bytes(size);
    check_crc(content, in.be32(), "series", offset);
    ByteReader entry(content, start);
    uint64_t pairs = entry.uvarint();
    if (pairs > entry.remaining()) entry.fail("series is shorter than its label count");
    labels.clear();
    for (uint64_t i = 0; i < pairs; ++i) {
        uint64_t name = entry.uvarint(), value = entry.uvarint();
        if (version_ == 1) {
            name = symbol_at(name, entry);
            value = symbol_at(value, entry);
        } else if (name >= symbol_offsets_.size() || value >= symbol_offsets_.size()) {
            entry.fail("label refers to no symbol");
        }
        labels.push_back({static_cast<uint32_t>(name), static_cast<uint32_t>(value)});
    }
    return entry;
}

void IndexReader::chunks(ByteReader in, std::vector<ChunkMeta>& metas) {
    metas.clear();
    uint64_t count = in.uvarint();
    if (count == 0) return;
    if (count > in.remaining()) in.fail("series is shorter than its chunk count");
    metas.reserve(count);
    // Sums wrap like two's complement: hostile numbers must not be undefined behaviour.
    auto mint = static_cast<uint64_t>(in.varint());
    uint64_t maxt = mint + in.uvarint();
    uint64_t ref = in.uvarint();
    metas.push_back({static_cast<int64_t>(mint), static_cast<int64_t>(maxt), ref});
    for (uint64_t i = 1; i < count; ++i) {
        mint = maxt + in.uvarint();
        maxt = mint + in.uvarint();
        ref += static_cast<uint64_t>(in.varint());
        metas.push_back({static_cast<int64_t>(mint), static_cast<int64_t>(maxt), ref});
    }
}

}  // namespace narthex
