"""See design: each module of this folder documents itself."""
