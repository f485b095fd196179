//! Arguments as argparse4j reads them.
