#include "source/http/http1/head_writer.h"

#include <charconv>
#include <span>
#include <string>

namespace weir::http::http1 {
namespace {

constexpr std::string_view kCrlf = "\r\n";
// Start line and framing fields without their texts of variable length, amply.
constexpr size_t kFixedBytes = 160;
// A body that short follows its head in the same block.
constexpr uint64_t kInlineBodyBytes = 2048;

// Writes into room that was made large enough.
class Cursor {
 public:
  explicit Cursor(char* at) : begin_(at), at_(at) {}
  Cursor& text(std::string_view text) {
    at_ += text.copy(at_, text.size());
    return *this;
  }
  Cursor& number(uint64_t value, int base = 10) {
    at_ = std::to_chars(at_, at_ + 20, value, base).ptr;
    return *this;
  }
  Cursor& field(std::string_view name, std::string_view value) {
    return text(name).text(": ").text(value).text(kCrlf);
  }
  size_t written() const { return static_cast<size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

// Reserves `bytes`, lets compose(Cursor&) fill them and commits. A head larger than the largest
// block, which only raised limits allow, is composed apart.
template <class F>
void composeInto(buffer::Buffer& out, size_t bytes, size_t room_behind, F&& compose) {
  if (bytes > buffer::BlockPool::kLargest) {
    std::string apart(bytes, '\0');
    Cursor cursor(apart.data());
    compose(cursor);
    out.append(std::string_view(apart).substr(0, cursor.written()));
    return;
  }
  const size_t wanted = std::min(bytes + room_behind, buffer::BlockPool::kLargest);
  Cursor cursor(out.reserve(wanted).data());
  compose(cursor);
  out.commit(cursor.written());
}

bool writtenByCodec(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// Writes the fields that `wanted` lets through. Neighbours that still stand in memory as they came
// off the wire go as one piece.
template <class F>
void writeFields(const HeaderMap& headers, Cursor& cursor, F&& wanted) {
  const char* begin = nullptr;  // lines that wait to be written
  const char* end = nullptr;
  const auto flush = [&] { cursor.text({begin, static_cast<size_t>(end - begin)}); };
  headers.forEach([&](const HeaderMap::Field& field) {
    if (!wanted(field.id)) return;
    if (field.line && field.name.data() == end) {
      end = field.value.data() + field.value.size() + kCrlf.size();
      return;
    }
    if (begin != end) flush();
    begin = end = nullptr;
    if (!field.line) {
      cursor.field(field.name, field.value);
      return;
    }
    begin = field.name.data();
    end = field.value.data() + field.value.size() + kCrlf.size();
  });
  if (begin != end) flush();
}

size_t fieldBytes(const HeaderMap& headers) {
  return headers.byteSize() + headers.size() * 4;
}

void writeFraming(const WireFraming& framing, Cursor& cursor) {
  if (framing.body == BodyFraming::kContentLength) {
    cursor.text("Content-Length: ").number(framing.content_length).text(kCrlf);
  } else if (framing.body == BodyFraming::kChunked) {
    cursor.text("Transfer-Encoding: chunked\r\n");
  }
  if (!framing.upgrade.empty()) cursor.field("Upgrade", framing.upgrade);
  if (!framing.connection.empty()) cursor.field("Connection", framing.connection);
}

size_t roomForBody(const WireFraming& framing) {
  const bool small =
      framing.body == BodyFraming::kContentLength && framing.content_length <= kInlineBodyBytes;
  return small ? static_cast<size_t>(framing.content_length) : 0;
}

}  // namespace

void writeRequestHead(const RequestHead& head, const WireFraming& framing, buffer::Buffer& out) {
  const std::string_view target = head.isConnect() ? head.authority : head.path;
  const size_t bytes = kFixedBytes + head.method.size() + target.size() + head.authority.size() +
                       framing.upgrade.size() + framing.connection.size() +
                       fieldBytes(head.headers);
  composeInto(out, bytes, roomForBody(framing), [&](Cursor& cursor) {
    cursor.text(head.method).text(" ").text(target).text(" HTTP/1.1\r\n");
    cursor.field("Host", head.authority);
    writeFields(head.headers, cursor,
                [](HeaderId id) { return id != HeaderId::kHost && !writtenByCodec(id); });
    writeFraming(framing, cursor);
    cursor.text(kCrlf);
  });
}

void writeResponseHead(const ResponseHead& head, const WireFraming& framing, buffer::Buffer& out) {
  const std::string_view reason = head.reason.empty() ? reasonPhrase(head.status) : head.reason;
  const size_t bytes = kFixedBytes + reason.size() + framing.upgrade.size() +
                       framing.connection.size() + fieldBytes(head.headers);
  composeInto(out, bytes, roomForBody(framing), [&](Cursor& cursor) {
    cursor.text("HTTP/1.1 ").number(head.status).text(" ").text(reason).text(kCrlf);
    writeFields(head.headers, cursor, [](HeaderId id) { return !writtenByCodec(id); });
    writeFraming(framing, cursor);
    cursor.text(kCrlf);
  });
}

void writeChunk(buffer::Buffer& data, buffer::Buffer& out) {
  const size_t room_behind = data.size() <= kInlineBodyBytes ? data.size() + kCrlf.size() : 0;
  composeInto(out, 20 + kCrlf.size(), room_behind,
              [&](Cursor& cursor) { cursor.number(data.size(), 16).text(kCrlf); });
  out.append(data);
  out.append(kCrlf);
}

void writeLastChunk(const HeaderMap* trailers, buffer::Buffer& out) {
  if (trailers == nullptr || trailers->empty()) return out.append("0\r\n\r\n");
  composeInto(out, 5 + fieldBytes(*trailers), 0, [&](Cursor& cursor) {
    cursor.text("0\r\n");
    writeFields(*trailers, cursor, [](HeaderId) { return true; });
    cursor.text(kCrlf);
  });
}

}  // namespace weir::http::http1
