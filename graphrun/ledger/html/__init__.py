"""The report page. See design: each module of this folder documents itself."""
