#include "test/http/http2/field_lists.h"

namespace weir::http::http2 {
namespace {

StreamError read(HeadReader& reader, const FieldList& fields, bool end_stream) {
  for (const auto& [name, value] : fields) reader.field(name, value);
  return reader.finish(end_stream);
}

}  // namespace

StreamError readRequest(HeadReader& reader, RequestHead& head, const FieldList& fields,
                        bool end_stream, bool extended_connect, const HeadReader::Bounds& bounds,
                        bool allow_connect) {
  reader.beginRequest(head, bounds, allow_connect, extended_connect);
  return read(reader, fields, end_stream);
}

StreamError readResponse(HeadReader& reader, ResponseHead& head, const FieldList& fields,
                         bool end_stream, const HeadReader::Asked& asked,
                         const HeadReader::Bounds& bounds) {
  reader.beginResponse(head, bounds, asked);
  return read(reader, fields, end_stream);
}

StreamError readTrailers(HeadReader& reader, HeaderMap& trailers, const FieldList& fields,
                         bool end_stream, ErrorOrigin origin) {
  reader.beginTrailers(trailers, kRoomy, origin);
  return read(reader, fields, end_stream);
}

FieldList listOf(std::span<const nghttp2_nv> fields) {
  FieldList list;
  for (const nghttp2_nv& field : fields) {
    list.emplace_back(std::string(reinterpret_cast<const char*>(field.name), field.namelen),
                      std::string(reinterpret_cast<const char*>(field.value), field.valuelen));
  }
  return list;
}

FieldList listOf(const HeaderMap& headers) {
  FieldList list;
  headers.forEach(
      [&](const HeaderMap::Field& field) { list.emplace_back(field.name, field.value); });
  return list;
}

}  // namespace weir::http::http2
