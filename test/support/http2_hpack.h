#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// HPACK (RFC 7541) for tests: an encoder under full control, and a strict decoder. Shares nothing
// with the proxy or the library it uses.
namespace weir::test::http2 {

struct Field {
  std::string name;
  std::string value;
  bool never_indexed = false;  // came as a literal that is never to be indexed (6.2.3)

  bool operator==(const Field& other) const { return name == other.name && value == other.value; }
};
using Fields = std::vector<Field>;

// "name: value\n" for each; for messages of tests.
std::string textOf(const Fields& fields);

namespace hpack {

enum class Literal : uint8_t { kIncremental, kWithoutIndexing, kNeverIndexed };

constexpr size_t kStaticEntries = 61;
// Entry `index` of the static table, from 1.
Field staticEntry(size_t index);

// `pattern` is what stands in front of the prefix, in place.
std::string integer(uint64_t value, int prefix_bits, uint8_t pattern = 0);
// A string literal with its length.
std::string string(std::string_view text, bool huffman = false);
// Coded and padded as it should be, without length.
std::string huffman(std::string_view text);
// Nothing when the coding or the padding is wrong.
std::optional<std::string> huffmanDecoded(std::string_view coded);

std::string indexed(uint64_t index);
std::string literal(std::string_view name, std::string_view value,
                    Literal how = Literal::kWithoutIndexing, bool huffman = false);
// The name is that of entry `name_index`.
std::string literalNamed(uint64_t name_index, std::string_view value,
                         Literal how = Literal::kWithoutIndexing, bool huffman = false);
std::string tableSize(uint64_t bytes);
// All as literals without indexing: no dynamic table changes.
std::string block(const Fields& fields);

}  // namespace hpack

// Decodes the blocks of one direction of one connection.
class HpackDecoder {
 public:
  // Nothing when the block is wrong; why() tells what.
  std::optional<Fields> decode(std::string_view block);
  // The encoder has acknowledged this SETTINGS_HEADER_TABLE_SIZE. When it is less than the table's
  // size, the next block must begin with an update (4.2).
  void setLimit(size_t bytes);
  size_t tableBytes() const { return bytes_; }
  const std::string& why() const { return why_; }

 private:
  bool decodeField(std::string_view& rest, Fields& fields);
  bool decodeLiteral(std::string_view& rest, int prefix_bits, Field& field);
  bool decodeTableSize(std::string_view& rest);
  bool decodeInteger(std::string_view& rest, int prefix_bits, uint64_t& value);
  bool decodeString(std::string_view& rest, std::string& text);
  bool entryAt(uint64_t index, Field& field);
  void insert(const Field& field);
  void evictTo(size_t bytes);
  bool fail(std::string_view why);

  std::deque<Field> table_;  // the newest first
  size_t bytes_ = 0;
  size_t size_ = 4096;   // in force
  size_t limit_ = 4096;  // allowed
  bool update_due_ = false;
  std::string why_;
};

}  // namespace weir::test::http2
