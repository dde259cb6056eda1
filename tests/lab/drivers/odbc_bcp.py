"""Bulk copy by the ODBC driver's own `bcp_…` functions. pyodbc does not reach them, so the driver's library is called directly, with a connection of unixODBC's."""

import ctypes
import struct

from ctypes import byref, c_int, c_short, c_void_p

ENVIRONMENT, CONNECTION = 1, 2
ODBC_VERSION, ODBC_3 = 200, 3
BCP, BCP_ON = 1219, 1
ACCESS_TOKEN = 1256
IS_UINTEGER, IS_POINTER = -5, -4
IN = 1
SQLINT4, SQLFLT8, SQLVARBINARY, SQLNVARCHAR = 0x38, 0x3E, 0xA5, 0xE7
NULL_DATA = -1


class BcpError(Exception):
    """The driver's own text."""


def load(library, connection_string, token, table, rows):
    manager, driver = ctypes.CDLL("libodbc.so.2"), ctypes.CDLL(str(library))
    for name in ("SQLAllocHandle", "SQLSetEnvAttr", "SQLSetConnectAttrW", "SQLDriverConnectW", "SQLGetDiagRecW", "SQLDisconnect", "SQLFreeHandle"):
        getattr(manager, name).restype = c_short
    environment, connection = c_void_p(), c_void_p()
    manager.SQLAllocHandle(c_short(ENVIRONMENT), None, byref(environment))
    manager.SQLSetEnvAttr(environment, c_int(ODBC_VERSION), c_void_p(ODBC_3), c_int(0))
    manager.SQLAllocHandle(c_short(CONNECTION), environment, byref(connection))

    def check(worked):
        if not worked:
            raise BcpError(diagnosis(manager, connection))

    check(manager.SQLSetConnectAttrW(connection, c_int(BCP), c_void_p(BCP_ON), c_int(IS_UINTEGER)) >= 0)
    if token:
        data = token.encode("utf-16-le")
        attribute = ctypes.create_string_buffer(struct.pack("<i", len(data)) + data)
        check(manager.SQLSetConnectAttrW(connection, c_int(ACCESS_TOKEN), attribute, c_int(IS_POINTER)) >= 0)
    text = connection_string.encode("utf-16-le") + b"\0\0"
    check(manager.SQLDriverConnectW(connection, None, text, c_short(-3), None, c_short(0), None, c_short(0)) >= 0)
    check(driver.bcp_initW(connection, table.encode("utf-16-le") + b"\0\0", None, None, c_int(IN)))
    number, price = c_int(), ctypes.c_double()
    name, payload = ctypes.create_string_buffer(400), ctypes.create_string_buffer(200)
    check(driver.bcp_bind(connection, byref(number), c_int(0), c_int(4), None, c_int(0), c_int(SQLINT4), c_int(1)))
    check(driver.bcp_bind(connection, name, c_int(0), c_int(0), None, c_int(0), c_int(SQLNVARCHAR), c_int(2)))
    check(driver.bcp_bind(connection, byref(price), c_int(0), c_int(8), None, c_int(0), c_int(SQLFLT8), c_int(3)))
    check(driver.bcp_bind(connection, payload, c_int(0), c_int(0), None, c_int(0), c_int(SQLVARBINARY), c_int(4)))
    for row in rows:
        number.value = row[0]
        put(driver, connection, check, name, None if row[1] is None else row[1].encode("utf-16-le"), 2)
        check(driver.bcp_collen(connection, c_int(NULL_DATA if row[2] is None else 8), c_int(3)))
        price.value = row[2] or 0.0
        put(driver, connection, check, payload, row[3], 4)
        check(driver.bcp_sendrow(connection))
    check(driver.bcp_done(connection) >= 0)
    manager.SQLDisconnect(connection)
    manager.SQLFreeHandle(c_short(CONNECTION), connection)
    manager.SQLFreeHandle(c_short(ENVIRONMENT), environment)


def put(driver, connection, check, buffer, data, column):
    if data is not None:
        ctypes.memmove(buffer, data, len(data))
    check(driver.bcp_collen(connection, c_int(NULL_DATA if data is None else len(data)), c_int(column)))


def diagnosis(manager, connection):
    """The texts that the driver has about its last failure."""
    texts = []
    state, native, size, message = ctypes.create_string_buffer(12), c_int(), c_short(), ctypes.create_string_buffer(4096)
    for number in range(1, 9):
        result = manager.SQLGetDiagRecW(c_short(CONNECTION), connection, c_short(number), state, byref(native), message, c_short(2048), byref(size))
        if result not in (0, 1):
            break
        texts.append(message.raw[: size.value * 2].decode("utf-16-le", "replace"))
    return "; ".join(texts) or "the driver gave no text"
