/* Where the records of a capture file begin: each tells where the next one does. */
#include "octets.h"

enum { RECORD_HEADER = 16, LEAST_BLOCK = 12 };
static const u32 SECTION = 0x0a0d0d0a;

static u32 word(Octets data, u64 place, bool big) {
    u32 value = four_octets(data, place);
    return big ? value : value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff0000) | value << 24;
}

/* Of a pcap file: fills up to `room` places from `position` on, moves it behind the last whole record among them, and
 * gives their number. */
EXPORTED u64 records_of_pcap(const Octets *data, bool big, u64 *position, i64 *places, u64 room) {
    u64 count = 0;
    while (count < room && *position + RECORD_HEADER <= data->size) {
        u64 after = *position + RECORD_HEADER + word(*data, *position + 8, big);
        if (after > data->size) break;
        places[count++] = (i64)*position;
        *position = after;
    }
    return count;
}

/* Of a pcapng file: as above, up to the next section or a block that is damaged. */
EXPORTED u64 blocks_of_pcapng(const Octets *data, bool big, u64 *position, i64 *places, u64 room) {
    u64 count = 0;
    while (count < room && *position + LEAST_BLOCK <= data->size) {
        u64 length = word(*data, *position + 4, big), padded = (length + 3) / 4 * 4;
        if (four_octets(*data, *position) == SECTION) break;
        if (length < LEAST_BLOCK || padded > data->size - *position) break;
        if (word(*data, *position + padded - 4, big) != length) break;
        places[count++] = (i64)*position;
        *position += padded;
    }
    return count;
}
