// Reading a block's index file (versions 1 to 3) in place. Format: docs/formats/index.md.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "bytes/reader.h"
#include "labels/label_sets.h"
#include "labels/match_terms.h"
#include "labels/value_texts.h"

namespace narthex {

// One chunk of a series; bounds inclusive, milliseconds. ref = segment number << 32 | offset in the segment.
struct ChunkMeta {
    int64_t mint;
    int64_t maxt;
    uint64_t ref;
};

// Series of one label value, ascending, in the file's bytes.
class PostingsList {
  public:
    explicit PostingsList(std::span<const uint8_t> bytes) : bytes_(bytes) {}
    size_t size() const { return bytes_.size() / 4; }
    uint32_t operator[](size_t i) const { return load_be32(bytes_.data() + 4 * i); }

  private:
    std::span<const uint8_t> bytes_;
};

// Opening reads the table of contents, the symbols and the postings offset table (checksums verified) and
// keeps four bytes a symbol and four a label value; postings and series are read on demand, their checksums
// each time. Safe for concurrent use. The bytes must outlive the reader and every view it returns.
class IndexReader {
  public:
    using Id = uint32_t;  // a series reference as postings hold it

    // Throws DecodeError. `version` overrides the file's own version byte when not 0 (repair of old blocks).
    explicit IndexReader(std::span<const uint8_t> data, uint8_t version = 0);

    uint8_t version() const { return version_; }
    uint32_t symbols() const { return static_cast<uint32_t>(symbol_offsets_.size()); }
    // index < symbols().
    std::string_view symbol(uint32_t index) const;

    // Names and values that occur, in byte order.
    std::vector<std::string_view> label_names() const;
    std::vector<std::string_view> label_values(std::string_view name, std::string_view prefix = {}) const;
    // The same in one text, values from position `since` on; `seen` counts all values of the label.
    ValueTexts value_texts(std::string_view name, std::string_view prefix, size_t since = 0) const;
    size_t label_value_count(std::string_view name) const;

    // A postings source, see labels/match_terms.h. A term's id that is no value throws std::out_of_range.
    size_t count(const MatchTerm& term) const;
    void collect(const MatchTerm& term, std::vector<Id>& out) const;
    template <typename Use>
    void each_list(const MatchTerm& term, Use&& use) const {
        if (!term.name.empty()) each_entry(term, [&](uint32_t entry) { use(PostingsList(postings(entry))); });
    }
    bool covers(const MatchTerm& term) const;
    void collect_all(std::vector<Id>& out) const;

    // How many series the file says that it has.
    size_t listed_series() const;
    // Values of a label that any of `ids` (ascending) has, in byte order: by looking at the postings of each.
    std::vector<std::string_view> values_of(std::string_view name, std::span<const Id> ids) const;

    // Labels of a series as symbol indices, in the file's order; `labels` is cleared first. The result is at
    // the series' chunk metas, for chunks().
    ByteReader labels(Id id, std::vector<LabelPair>& labels) const;
    // Decodes the chunk metas that follow a series' labels; `metas` is cleared first.
    static void chunks(ByteReader at, std::vector<ChunkMeta>& metas);

  private:
    struct Name {
        std::string_view name;
        uint32_t first;  // into entries_
        uint32_t count;
    };

    // The section at `offset`: u32 length, content, CRC. Gives the content.
    std::span<const uint8_t> section(uint64_t offset, const char* what) const;
    void read_symbols(uint64_t offset);
    void read_postings_table(uint64_t offset);
    void sort_postings_table();
    // Calls use(entry) for every entry of the postings offset table that a term names.
    template <typename Use>
    void each_entry(const MatchTerm& term, Use&& use) const {
        const Name* n = find_name(term.name);
        if (n == nullptr) return;
        uint32_t end = n->first + n->count;
        if (term.every) {
            for (uint32_t i = n->first; i < end; ++i) use(i);
            return;
        }
        for (std::string_view value : term.values) {
            for (uint32_t i = lower_bound(*n, value); i < end && entry_value(i) == value; ++i) use(i);
        }
        for (uint32_t i : term.ids) {
            if (i >= entries_.size()) throw std::out_of_range("no such label value");
            use(i);
        }
    }
    uint64_t series_offset(Id id) const;
    const Name* find_name(std::string_view name) const;
    std::string_view entry_value(uint32_t entry, uint64_t* postings = nullptr) const;
    uint32_t lower_bound(const Name& name, std::string_view value) const;
    std::span<const uint8_t> postings(uint32_t entry) const;
    void append(uint32_t entry, std::vector<Id>& out) const;
    uint32_t symbol_at(uint64_t file_offset, const ByteReader& at) const;

    std::span<const uint8_t> data_;  // up to the table of contents
    uint8_t version_ = 0;
    uint64_t symbols_base_ = 0;             // file offset of the symbol table's content
    std::vector<uint32_t> symbol_offsets_;  // of each symbol's length byte, from symbols_base_
    std::span<const uint8_t> table_;        // content of the postings offset table
    uint64_t table_base_ = 0;
    std::vector<Name> names_;  // sorted
    std::vector<uint32_t>
        entries_;  // offset in table_ of each entry's value, grouped by name, sorted by value
};

}  // namespace narthex
