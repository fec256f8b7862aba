#include "test/support/http2_hpack.h"

#include <algorithm>
#include <array>

namespace weir::test::http2 {
namespace {

constexpr size_t kEntryOverhead = 32;  // 4.1
constexpr size_t kEndOfString = 256;
constexpr int kLongestCode = 30;

// Appendix A.
const std::array<std::pair<const char*, const char*>, hpack::kStaticEntries> kStatic = {{
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
}};

// Bits of each symbol's code (appendix B); the codes follow from them, for the code is canonical.
constexpr std::array<uint8_t, 257> kCodeBits = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,  //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,  //
    6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,   // space to /
    5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10,  // 0 to ?
    13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,   // @ to O
    7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,   // P to _
    15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,   // ` to o
    6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28,  // p to DEL
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,  //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,  //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,  //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,  //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,  //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,  //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,  //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,  //
    30,
};

struct HuffmanCode {
  std::array<uint32_t, 257> code{};
  std::array<uint32_t, kLongestCode + 1> first_code{};    // of each length
  std::array<size_t, kLongestCode + 1> first_position{};  // of it in `symbols`
  std::array<size_t, kLongestCode + 1> count{};
  std::vector<size_t> symbols;  // by length, then number

  HuffmanCode() {
    uint32_t next = 0;
    for (int bits = 1; bits <= kLongestCode; ++bits) {
      next <<= 1;
      first_code[bits] = next;
      first_position[bits] = symbols.size();
      for (size_t symbol = 0; symbol < kCodeBits.size(); ++symbol) {
        if (kCodeBits[symbol] != bits) continue;
        code[symbol] = next++;
        symbols.push_back(symbol);
        ++count[bits];
      }
    }
  }
};

const HuffmanCode& huffmanCode() {
  static const HuffmanCode kCode;
  return kCode;
}

}  // namespace

std::string textOf(const Fields& fields) {
  std::string text;
  for (const Field& field : fields) text += field.name + ": " + field.value + "\n";
  return text;
}

namespace hpack {

Field staticEntry(size_t index) {
  const auto& entry = kStatic.at(index - 1);
  return {entry.first, entry.second};
}

std::string integer(uint64_t value, int prefix_bits, uint8_t pattern) {
  const uint64_t most = (uint64_t{1} << prefix_bits) - 1;
  if (value < most) return std::string(1, static_cast<char>(pattern | value));
  std::string out(1, static_cast<char>(pattern | most));
  for (value -= most; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
  return out;
}

std::string huffman(std::string_view text) {
  std::string out;
  uint64_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const auto symbol = static_cast<uint8_t>(c);
    bits = (bits << kCodeBits[symbol]) | huffmanCode().code[symbol];
    for (held += kCodeBits[symbol]; held >= 8; held -= 8)
      out.push_back(static_cast<char>(bits >> (held - 8)));
  }
  if (held > 0) out.push_back(static_cast<char>((bits << (8 - held)) | (0xff >> held)));
  return out;
}

std::optional<std::string> huffmanDecoded(std::string_view coded) {
  const HuffmanCode& table = huffmanCode();
  std::string out;
  uint32_t code = 0;
  int bits = 0;
  bool ones = true;
  for (size_t i = 0; i < coded.size() * 8; ++i) {
    const uint32_t bit = (static_cast<uint8_t>(coded[i / 8]) >> (7 - i % 8)) & 1;
    code = (code << 1) | bit;
    ones = ones && bit == 1;
    if (++bits > kLongestCode) return std::nullopt;
    if (code < table.first_code[bits] || code - table.first_code[bits] >= table.count[bits])
      continue;
    const size_t symbol = table.symbols[table.first_position[bits] + code - table.first_code[bits]];
    if (symbol == kEndOfString) return std::nullopt;
    out.push_back(static_cast<char>(symbol));
    code = 0;
    bits = 0;
    ones = true;
  }
  if (bits > 7 || !ones) return std::nullopt;
  return out;
}

std::string string(std::string_view text, bool coded) {
  const std::string bytes = coded ? huffman(text) : std::string(text);
  return integer(bytes.size(), 7, coded ? 0x80 : 0) + bytes;
}

std::string indexed(uint64_t index) {
  return integer(index, 7, 0x80);
}

std::string literalNamed(uint64_t name_index, std::string_view value, Literal how, bool huffman) {
  std::string out;
  switch (how) {
    case Literal::kIncremental:
      out = integer(name_index, 6, 0x40);
      break;
    case Literal::kWithoutIndexing:
      out = integer(name_index, 4, 0x00);
      break;
    case Literal::kNeverIndexed:
      out = integer(name_index, 4, 0x10);
      break;
  }
  return out + string(value, huffman);
}

std::string literal(std::string_view name, std::string_view value, Literal how, bool huffman) {
  const std::string with_empty_value = literalNamed(0, {}, how);
  return with_empty_value.substr(0, 1) + string(name, huffman) + string(value, huffman);
}

std::string tableSize(uint64_t bytes) {
  return integer(bytes, 5, 0x20);
}

std::string block(const Fields& fields) {
  std::string out;
  for (const Field& field : fields) {
    out += literal(field.name, field.value,
                   field.never_indexed ? Literal::kNeverIndexed : Literal::kWithoutIndexing);
  }
  return out;
}

}  // namespace hpack

bool HpackDecoder::fail(std::string_view why) {
  why_ = why;
  return false;
}

std::optional<Fields> HpackDecoder::decode(std::string_view block) {
  Fields fields;
  while (!block.empty() && (static_cast<uint8_t>(block[0]) & 0xe0) == 0x20) {
    if (!decodeTableSize(block)) return std::nullopt;
  }
  if (update_due_) {
    fail("no update of the table's size after a smaller limit");
    return std::nullopt;
  }
  while (!block.empty()) {
    if (!decodeField(block, fields)) return std::nullopt;
  }
  return fields;
}

void HpackDecoder::setLimit(size_t bytes) {
  limit_ = bytes;
  if (bytes < size_) update_due_ = true;
}

bool HpackDecoder::decodeTableSize(std::string_view& rest) {
  uint64_t size = 0;
  if (!decodeInteger(rest, 5, size)) return false;
  if (size > limit_) return fail("a table larger than allowed");
  size_ = size;
  evictTo(size_);
  update_due_ = false;
  return true;
}

bool HpackDecoder::decodeField(std::string_view& rest, Fields& fields) {
  const auto first = static_cast<uint8_t>(rest[0]);
  Field field;
  if ((first & 0x80) != 0) {
    uint64_t index = 0;
    if (!decodeInteger(rest, 7, index) || !entryAt(index, field)) return false;
  } else if ((first & 0x40) != 0) {
    if (!decodeLiteral(rest, 6, field)) return false;
    insert(field);
  } else if ((first & 0x20) != 0) {
    return fail("an update of the table's size within a block");
  } else {
    if (!decodeLiteral(rest, 4, field)) return false;
    field.never_indexed = (first & 0x10) != 0;
  }
  fields.push_back(std::move(field));
  return true;
}

bool HpackDecoder::decodeLiteral(std::string_view& rest, int prefix_bits, Field& field) {
  uint64_t index = 0;
  if (!decodeInteger(rest, prefix_bits, index)) return false;
  if (index == 0 ? !decodeString(rest, field.name) : !entryAt(index, field)) return false;
  return decodeString(rest, field.value);
}

bool HpackDecoder::decodeInteger(std::string_view& rest, int prefix_bits, uint64_t& value) {
  if (rest.empty()) return fail("the block ends before an integer");
  const uint64_t most = (uint64_t{1} << prefix_bits) - 1;
  value = static_cast<uint8_t>(rest[0]) & most;
  rest.remove_prefix(1);
  if (value < most) return true;
  for (int shift = 0; shift < 35; shift += 7) {
    if (rest.empty()) return fail("the block ends within an integer");
    const auto byte = static_cast<uint8_t>(rest[0]);
    rest.remove_prefix(1);
    value += static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return fail("an integer that is too long");
}

bool HpackDecoder::decodeString(std::string_view& rest, std::string& text) {
  const bool coded = !rest.empty() && (static_cast<uint8_t>(rest[0]) & 0x80) != 0;
  uint64_t length = 0;
  if (!decodeInteger(rest, 7, length)) return false;
  if (length > rest.size()) return fail("the block ends within a string");
  text = rest.substr(0, length);
  rest.remove_prefix(length);
  if (!coded) return true;
  std::optional<std::string> decoded = hpack::huffmanDecoded(text);
  if (!decoded) return fail("wrong Huffman coding");
  text = *std::move(decoded);
  return true;
}

bool HpackDecoder::entryAt(uint64_t index, Field& field) {
  if (index == 0) return fail("index 0");
  if (index <= hpack::kStaticEntries) {
    field = hpack::staticEntry(index);
    return true;
  }
  index -= hpack::kStaticEntries + 1;
  if (index >= table_.size()) return fail("an index beyond the table");
  field = table_[index];
  return true;
}

void HpackDecoder::insert(const Field& field) {
  const size_t bytes = field.name.size() + field.value.size() + kEntryOverhead;
  evictTo(size_ > bytes ? size_ - bytes : 0);
  if (bytes > size_) return;
  table_.push_front(field);
  bytes_ += bytes;
}

void HpackDecoder::evictTo(size_t bytes) {
  while (bytes_ > bytes) {
    bytes_ -= table_.back().name.size() + table_.back().value.size() + kEntryOverhead;
    table_.pop_back();
  }
}

}  // namespace weir::test::http2
